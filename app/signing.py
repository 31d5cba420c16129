"""What this directory signs: checkpoints and manifests as compact JWS (RFC 7515, ES256), and the keys that prove them.

    header   alg ES256 · kid the RFC 7638 thumbprint of the key · typ what is signed, so that no one passes for another

The key is a file. Rotation: the public half of the next key is shown before it signs, that of the former one as long as
anything it signed is in use (`ANNUAIRE_FORMER_SIGNING_KEYS`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from fastapi import APIRouter, Request
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from app.console import Refused, one_line
from app.problems import Problem, documented
from app.settings import Settings

ALGORITHM, CURVE = "ES256", "secp256r1"
LONGEST_TOKEN = 1_000_000
# How long a reader may keep the keys: a new one is shown for longer than this before it signs.
KEYS_SECONDS = 300

router = APIRouter(tags=["trust"])


class SigningKeyMissing(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "signing.key_missing"
    title = "This installation signs nothing"


class SignatureInvalid(ValueError):
    """This token is not what it should be, signed by one of the keys: the message says why."""


@dataclass(frozen=True)
class Signer:
    """A private key. `kid` names its public half."""

    key: ECKey
    kid: str

    def sign(self, payload: dict[str, Any], typ: str) -> str:
        """The payload as a compact JWS of this `typ` (`annuaire-checkpoint+jwt`, …). Two of the same payload differ."""
        content = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        return jws.serialize_compact({"alg": ALGORITHM, "kid": self.kid, "typ": typ}, content, self.key, [ALGORITHM])


@dataclass(frozen=True)
class Signing:
    """What an installation signs with, if it signs, and the other public keys that it shows."""

    signer: Signer | None
    others: Sequence[ECKey]

    def required(self) -> Signer:
        """The signer, where a signature was promised. Raises SigningKeyMissing."""
        if self.signer is None:
            raise SigningKeyMissing("No signing key is set here (ANNUAIRE_SIGNING_KEY).")
        return self.signer

    def public_keys(self) -> dict[str, list[dict[str, Any]]]:
        """The keys that prove our signatures, as a JWK Set; the one in force first."""
        own = [self.signer.key] if self.signer else []
        shown = {key.thumbprint(): key for key in (*own, *self.others)}
        return {"keys": [_public(key, kid) for kid, key in shown.items()]}


def signing_of(settings: Settings) -> Signing:
    """What the settings name. Raises Refused: a file that is no such key."""
    others = [_read_public(path) for path in settings.former_signing_keys or ()]
    if settings.signing_key is None:
        return Signing(None, others)
    key = _read_private(settings.signing_key)
    return Signing(Signer(key, key.thumbprint()), others)


def verify(token: str, jwks: dict[str, Any], typ: str) -> dict[str, Any]:
    """The payload of a token of this `typ`, signed by one of these keys. Raises SignatureInvalid."""
    if len(token) > LONGEST_TOKEN:
        raise SignatureInvalid(f"it is longer than {LONGEST_TOKEN} characters")
    try:
        header = jws.extract_compact(token.encode("ascii")).headers()
        if (header.get("alg"), header.get("typ")) != (ALGORITHM, typ):
            raise SignatureInvalid(
                f"its header says {header.get('alg')} and {header.get('typ')}, not {ALGORITHM} and {typ}"
            )
        keys = {key.get("kid"): key for key in KeySet.import_key_set(jwks)}  # type: ignore[arg-type] # judged by it
        key = keys.get(str(header.get("kid")))
        if key is None:
            raise SignatureInvalid(f"it is signed by {header.get('kid')}, which is not among the keys")
        payload = json.loads(jws.deserialize_compact(token, key, [ALGORITHM]).payload)
    except (JoseError, KeyError, TypeError, UnicodeError, RecursionError, json.JSONDecodeError) as error:
        raise SignatureInvalid(one_line(error) or type(error).__name__) from error
    if not isinstance(payload, dict):
        raise SignatureInvalid("its payload is no JSON object")
    return payload


class PublicKey(BaseModel):
    """A public key (RFC 7517): EC, P-256."""

    model_config = ConfigDict(extra="forbid")

    kty: str = Field(examples=["EC"])
    crv: str = Field(examples=["P-256"])
    x: str
    y: str
    kid: str = Field(description="Its RFC 7638 thumbprint, which stands in the header of what it signed")
    alg: str = Field(examples=[ALGORITHM])
    use: str = Field(examples=["sig"])


class PublicKeys(BaseModel):
    """A JWK Set (RFC 7517 §5)."""

    model_config = ConfigDict(extra="forbid")

    keys: list[PublicKey]


@router.get("/.well-known/annuaire-keys.json", responses={200: {"model": PublicKeys}, **documented(SigningKeyMissing)})
async def read_keys(request: Request) -> JSONResponse:
    """The public keys that prove checkpoints and manifests: the one in force first, then the next or former ones.

    Trust them by how you got them: over TLS from the address of the trust space, or compared once with its desk.
    """
    signing: Signing = request.app.state.signing
    shown = signing.public_keys()
    if not shown["keys"]:
        signing.required()
    return JSONResponse(shown, headers={"Cache-Control": f"public, max-age={KEYS_SECONDS}"})


def _public(key: ECKey, kid: str) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": kid, "alg": ALGORITHM, "use": "sig"}


def _read_private(path: Path) -> ECKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise Refused(f"SIGNING_KEY: {one_line(error)}", "setting.invalid") from error
    if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != CURVE:
        raise Refused(f"SIGNING_KEY: {path} is no private key on P-256", "setting.invalid")
    return ECKey.import_key(key)


def _read_public(path: Path) -> ECKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise Refused(f"FORMER_SIGNING_KEYS: {path}: {one_line(error)}", "setting.invalid") from error
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name != CURVE:
        raise Refused(f"FORMER_SIGNING_KEYS: {path} is no public key on P-256", "setting.invalid")
    return ECKey.import_key(key)

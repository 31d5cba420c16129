"""How the network proves itself: a key, a client certificate, or tokens got by its private key (docs/access.md)."""

import json
import secrets
import ssl
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from app.console import Refused

GRANT = {
    "grant_type": "client_credentials",
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
}
# Each kind of key has one algorithm (app.access.client_jwk).
ALGORITHMS = {"EC": "ES256", "RSA": "PS256", "OKP": "EdDSA"}
ASSERTION_SECONDS = 120
# A token is renewed so long before its end, so that it outlives the request that it goes with.
EARLY_SECONDS = 120.0

# Sends a form and gives the JSON of the answer.
SendForm = Callable[[dict[str, str]], Any]


@dataclass
class Client:
    """A registered client with its private key: it gets a token, and another one before that ends."""

    id: str
    key: ECKey | RSAKey | OKPKey
    audience: str
    _token: str = ""
    _ends: float = field(default=0.0, repr=False)

    def token(self, send: SendForm) -> str:
        """A token that is good for a while yet."""
        if time.monotonic() > self._ends - EARLY_SECONDS:
            given = send({**GRANT, "client_assertion": self._assertion()})
            self._token, self._ends = str(given["access_token"]), time.monotonic() + float(given["expires_in"])
        return self._token

    def _assertion(self) -> str:
        kid = self.key.kid or self.key.thumbprint()
        claims = {
            "iss": self.id,
            "sub": self.id,
            "aud": self.audience,
            "exp": int(time.time()) + ASSERTION_SECONDS,
            "jti": secrets.token_urlsafe(16),
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # of the name EdDSA, which servers know
            algorithm = ALGORITHMS[self.key.key_type]
            return jwt.encode({"alg": algorithm, "kid": kid}, claims, self.key, algorithms=[algorithm])


@dataclass(frozen=True)
class Credentials:
    """What is sent along; the certificate goes with the connection."""

    key: str | None = field(default=None, repr=False)
    client: Client | None = None
    certificate: tuple[Path, Path] | None = None

    def context(self, ca_file: Path | None) -> ssl.SSLContext:
        """TLS that checks the server, by the authorities of the system or those of a file. Raises Refused."""
        try:
            context = ssl.create_default_context(cafile=ca_file)
            if self.certificate:
                context.load_cert_chain(*self.certificate)
        except (OSError, ssl.SSLError) as error:
            raise Refused(f"certificate or authority cannot be used: {error}", "members.credential") from error
        return context

    def header(self, send: SendForm) -> dict[str, str]:
        secret = self.client.token(send) if self.client else self.key
        return {"Authorization": f"Bearer {secret}"} if secret else {}


def key_in(path: Path) -> str:
    """The key in a file. Raises Refused."""
    try:
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"no key can be read in {path}: {error}", "members.credential") from error
    if not key or not key.isprintable() or " " in key:
        raise Refused(f"{path} holds no key: it is one word, as annuaire key issue prints it", "members.credential")
    return key


def client_of(identifier: str, path: Path, audience: str) -> Client:
    """A client by its id and its private key, a JWK or PEM. Raises Refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # of weak keys, which no server registers
            key = _imported(path.read_text(encoding="utf-8"))
    except (OSError, JoseError, ValueError, TypeError, KeyError) as error:
        raise Refused(f"{path} is no private key as JWK or PEM: {error}", "members.credential") from error
    if not isinstance(key, ECKey | RSAKey | OKPKey) or not key.is_private:
        raise Refused(f"{path} holds no private key", "members.credential")
    return Client(identifier, key, audience)


def _imported(text: str) -> Any:
    if text.lstrip().startswith("{"):
        return JWKRegistry.import_key(json.loads(text))
    for kind in (ECKey, OKPKey, RSAKey):
        try:
            return kind.import_key(text)
        except (JoseError, ValueError, TypeError):
            continue
    raise ValueError("neither P-256, Ed25519 nor RSA")

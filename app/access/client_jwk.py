"""The public key of a client, as an administrator registers it (RFC 7517): one key, one algorithm, no secret half."""

import json
import warnings
from typing import Any, NamedTuple

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

RSA_BITS = 2_048
LONGEST_KID = 128

PublicKey = ECKey | RSAKey | OKPKey


class JwkRefused(ValueError):
    """This text is no key that a client may have: the message says why."""


class ClientKey(NamedTuple):
    """`algorithm`: the only one that this key signs with. `jwk`: the public half as JSON, members in order."""

    kid: str
    algorithm: str
    jwk: str


def read(text: str) -> ClientKey:
    """The key in a file: a JWK, or a set that holds one. Raises JwkRefused."""
    given = _the_one(text)
    secret = sorted({"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & given.keys())
    if secret:
        raise JwkRefused(f"it holds a secret ({', '.join(secret)}): give the public half alone, and make a new key")
    key = load(json.dumps(given))
    algorithm = _algorithm(key)
    if given.get("alg", algorithm) not in {algorithm, "Ed25519" if algorithm == "EdDSA" else algorithm}:
        raise JwkRefused(f"its alg is {given['alg']!r}, and this kind of key signs with {algorithm}")
    if given.get("use", "sig") != "sig":
        raise JwkRefused("its use is not sig")
    kid = given.get("kid", key.thumbprint())
    if not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_KID or not kid.isprintable():
        raise JwkRefused(f"its kid is no text of 1 to {LONGEST_KID} printable characters")
    return ClientKey(kid, algorithm, json.dumps(key.as_dict(private=False), sort_keys=True))


def load(jwk: str) -> PublicKey:
    """The key of its JSON. Raises JwkRefused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # of weak keys, which are refused below
        try:
            key = JWKRegistry.import_key(json.loads(jwk))
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise JwkRefused(f"it is no key: {error}") from error
    if not isinstance(key, ECKey | RSAKey | OKPKey):
        raise JwkRefused("a shared secret is no key of a client: give a public key")
    return key


def _the_one(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise JwkRefused(f"it is no JSON: {error}") from error
    if isinstance(given, dict) and isinstance(given.get("keys"), list):
        if len(given["keys"]) != 1:
            raise JwkRefused(f"it holds {len(given['keys'])} keys: register each by itself")
        given = given["keys"][0]
    if not isinstance(given, dict):
        raise JwkRefused("it is no JWK, which is a JSON object")
    return given


def _algorithm(key: PublicKey) -> str:
    """The algorithm of this kind of key. Raises JwkRefused for one that is too weak, or of another curve."""
    if isinstance(key, RSAKey):
        if key.public_key.key_size < RSA_BITS:
            raise JwkRefused(f"an RSA key has at least {RSA_BITS} bits")
        return "PS256"
    curve = key.curve_name
    algorithm = {"P-256": "ES256", "Ed25519": "EdDSA"}.get(curve)
    if algorithm is None:
        raise JwkRefused(f"its curve is {curve}: P-256 and Ed25519 are taken")
    return algorithm

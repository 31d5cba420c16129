"""The proof of a client that asks for a token: a JWT signed by its private key (private_key_jwt, RFC 7523).

    header   alg   that of the registered key, no other        kid   a registered key
    claims   iss = sub   the client        aud   our issuer, alone (RFC 7523bis §4)
             exp   at most 5 minutes ahead        jti   never used before by this client
             iat, nbf   not ahead of us, when given

The key is the one that an administrator registered under the `kid`: no header leads anywhere else (`jku`, `x5u`,
`jwk`), and since each key has one algorithm, no public key can pass for the secret of another.
"""

import json
import warnings
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.util import to_bytes, urlsafe_b64decode

from app.access.client_jwk import load

LONGEST_LIFE = timedelta(minutes=5)
LEEWAY = timedelta(seconds=60)
LONGEST_ASSERTION = 8_192
LONGEST_JTI = 128
# RFC 9864 gives EdDSA over Ed25519 a name of its own; both name the same signature.
NAMES = {"ES256": ["ES256"], "PS256": ["PS256"], "EdDSA": ["EdDSA", "Ed25519"]}
HEADER = {"alg", "kid", "typ"}
TYPES = {"JWT", "client-authentication+jwt"}


class AssertionRefused(ValueError):
    """This is no proof of a client: the message says what is wrong, and nothing of the client."""


class Proof(NamedTuple):
    """What a good assertion says. `until`: from then on it is refused for its age alone."""

    jti: str
    until: datetime


def kid_of(assertion: str) -> str:
    """The key that an assertion names; nothing of it is proved yet. Raises AssertionRefused."""
    if len(assertion) > LONGEST_ASSERTION:
        raise AssertionRefused(f"The assertion is longer than {LONGEST_ASSERTION} characters.")
    try:
        header = json.loads(urlsafe_b64decode(to_bytes(assertion.partition(".")[0])))
    except (ValueError, TypeError, RecursionError) as error:
        raise AssertionRefused("The assertion is no JWT.") from error
    if not isinstance(header, dict):
        raise AssertionRefused("The assertion is no JWT.")
    if header.keys() - HEADER:
        raise AssertionRefused("The header of the assertion may hold alg, kid and typ, nothing else.")
    if header.get("typ", "JWT") not in TYPES:
        raise AssertionRefused("The typ of the assertion is not JWT.")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid.isprintable():
        raise AssertionRefused("The header of the assertion names no key: set kid.")
    return kid


def prove(assertion: str, jwk: str, algorithm: str, client: str, issuer: str, now: datetime) -> Proof:
    """What the assertion of this client says, signed by its key. Raises AssertionRefused."""
    claims = _signed(assertion, jwk, algorithm)
    if not claims.get("iss") == claims.get("sub") == client:
        raise AssertionRefused("iss and sub must both be the id of the client whose key this is.")
    if claims.get("aud") not in (issuer, [issuer]):
        raise AssertionRefused(f"aud must be {issuer} and nothing else.")
    for name in ("iat", "nbf"):
        if name in claims and _instant(claims, name) > now + LEEWAY:
            raise AssertionRefused(f"{name} lies ahead: compare your clock.")
    ends = _instant(claims, "exp")
    if ends + LEEWAY <= now:
        raise AssertionRefused("The assertion has expired: make one for each request.")
    if ends > now + LONGEST_LIFE + LEEWAY:
        raise AssertionRefused("exp lies more than 5 minutes ahead.")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI or not jti.isprintable():
        raise AssertionRefused(f"jti must be 1 to {LONGEST_JTI} printable characters, others for each request.")
    return Proof(jti, ends + LEEWAY)


def _signed(assertion: str, jwk: str, algorithm: str) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # of the name EdDSA, which clients know
        try:
            return jwt.decode(assertion, load(jwk), algorithms=NAMES[algorithm]).claims
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise AssertionRefused(f"The assertion is not signed by this key with {algorithm}.") from error


def _instant(claims: dict[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AssertionRefused(f"{name} must be a number of seconds since 1970.")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise AssertionRefused(f"{name} is no time.") from error

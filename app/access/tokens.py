"""Access tokens (RFC 6749): opaque, short-lived, stored as a hash.

    annuaire_token_<secret><checksum>      secret 52 (256 bits), checksum 7 characters of a-z and 2-7

A token got over a client certificate is good with this certificate alone (RFC 8705): a stolen one opens nothing. It
ends with its client: a client that is revoked takes its tokens along.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

import psycopg
from psycopg_pool import AsyncConnectionPool

from app.access.key_form import KeyInvalid, checksum, random_secret

LIFE = timedelta(minutes=10)
PREFIX = "annuaire_token_"
FORM = re.compile(rf"{PREFIX}([a-z2-7]{{52}})([a-z2-7]{{7}})")

FIND = """
SELECT c.id, c.name, c.operator, t.scopes, t.expires_at, t.certificate
FROM access_token t JOIN client_key c ON c.id = t.client
WHERE t.digest = %s AND t.expires_at > now() AND c.revoked_at IS NULL
"""


class KnownToken(NamedTuple):
    """A token that is in force. `certificate`: SHA-256 of the only certificate it goes with, None = any or none."""

    client: str
    name: str
    operator: str
    scopes: Sequence[str]
    expires_at: datetime
    certificate: bytes | None


def make() -> tuple[str, bytes]:
    """(token, digest) of a new token. A secret of 256 random bits needs no pepper: nobody guesses it from its hash."""
    secret = random_secret()
    return f"{PREFIX}{secret}{checksum('token', secret)}", _digest(secret)


def is_token(text: str) -> bool:
    """Whether a bearer's text is meant as a token, not as a key."""
    return text.startswith(PREFIX)


async def find(pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]], token: str) -> KnownToken:
    """The token in force. Raises KeyInvalid."""
    match = FORM.fullmatch(token)
    if not match or match[2] != checksum("token", match[1]):
        raise KeyInvalid("This is not a token of this directory: copy it again, whole.")
    async with pool.connection() as connection:
        row = await (await connection.execute(FIND, (_digest(match[1]),))).fetchone()
    if row is None:
        raise KeyInvalid("This token is not known, or it has ended: ask for another.")
    return KnownToken(*row)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()

"""API keys: made, stored and checked.

    annuaire_<id>_<secret><checksum>      id 10, secret 52 (256 bits), checksum 7 characters of a-z and 2-7

The checksum finds typing errors and lets secret scanners recognise a key without asking. The database holds
HMAC-SHA256(pepper, id and secret) only: whoever reads it, or guesses at it without the pepper, gets no key.
"""

import hmac
import re
import secrets
import zlib
from base64 import b32encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool
from pydantic import SecretStr

PREFIX = "annuaire"
ID_CHARACTERS = 10
SECRET_BYTES = 32
FORM = re.compile(r"annuaire_([a-z2-7]{10})_([a-z2-7]{52})([a-z2-7]{7})")

FIND = "SELECT id, name, operator, scopes, digest FROM api_key WHERE id = %s AND revoked_at IS NULL"


class KeyInvalid(Exception):
    """A text that is no key, or a key that is not known or was revoked. The message is for its sender."""


class PepperMissing(ValueError):
    """Keys cannot be kept without a secret of the installation."""


class Presented(NamedTuple):
    """A key as a caller sent it, well formed."""

    id: str
    secret: str


class Known(NamedTuple):
    """A key that is in force."""

    id: str
    name: str
    operator: str | None
    scopes: Sequence[str]


class Listed(NamedTuple):
    """A key as administrators see it."""

    id: str
    name: str
    scopes: list[str]
    operator: str | None
    created_at: datetime
    revoked_at: datetime | None


def make(pepper: SecretStr) -> tuple[str, str, bytes]:
    """(id, key, digest) of a new key. The key is shown once; only the digest is stored."""
    identifier = _text(secrets.token_bytes(8))[:ID_CHARACTERS]
    secret = _text(secrets.token_bytes(SECRET_BYTES))
    key = f"{PREFIX}_{identifier}_{secret}{_checksum(identifier, secret)}"
    return identifier, key, digest(pepper, Presented(identifier, secret))


def parse(key: str) -> Presented:
    """The parts of a key. Raises KeyInvalid for any text that we cannot have made."""
    match = FORM.fullmatch(key)
    if not match or match[3] != _checksum(match[1], match[2]):
        raise KeyInvalid("This is not a key of this directory: copy it again, whole.")
    return Presented(match[1], match[2])


def digest(pepper: SecretStr, key: Presented) -> bytes:
    """What is stored of a key. Raises PepperMissing."""
    return hmac.digest(require_pepper(pepper), f"{key.id}_{key.secret}".encode(), "sha256")


def require_pepper(pepper: SecretStr) -> bytes:
    """The pepper as bytes. Raises PepperMissing when there is none."""
    value = pepper.get_secret_value().strip()
    if not value:
        raise PepperMissing("ANNUAIRE_KEY_PEPPER is empty: set it to a long random text and keep it.")
    return value.encode()


async def find(pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]], pepper: SecretStr, key: Presented) -> Known:
    """The key in force. Asks the database each time, so that a revoked key stops at once. Raises KeyInvalid."""
    async with pool.connection() as connection:
        row = await (await connection.execute(FIND, (key.id,))).fetchone()
    stored = row[4] if row else b""
    if not row or not hmac.compare_digest(stored, digest(pepper, key)):
        raise KeyInvalid("This key is not known, or it was revoked.")
    return Known(*row[:4])


def issue(
    connection: psycopg.Connection[Any], pepper: SecretStr, name: str, scopes: Sequence[str], operator: str | None
) -> tuple[str, str]:
    """(id, key) of a new key in force. Raises psycopg.errors.ForeignKeyViolation for an unknown operator."""
    identifier, key, stored = make(pepper)
    connection.execute(
        "INSERT INTO api_key (id, name, digest, scopes, operator) VALUES (%s, %s, %s, %s, %s)",
        (identifier, name, stored, sorted(set(scopes)), operator),
    )
    return identifier, key


def revoke(connection: psycopg.Connection[Any], identifier: str) -> datetime | None:
    """Since when the key is revoked: a key is revoked once and stays so. None when no key has this id."""
    row = connection.execute(
        "UPDATE api_key SET revoked_at = coalesce(revoked_at, now()) WHERE id = %s RETURNING revoked_at", (identifier,)
    ).fetchone()
    return row[0] if row else None


def every_key(connection: psycopg.Connection[Any]) -> list[Listed]:
    """All keys that were ever issued, oldest first."""
    with connection.cursor(row_factory=class_row(Listed)) as cursor:
        cursor.execute("SELECT id, name, scopes, operator, created_at, revoked_at FROM api_key ORDER BY created_at, id")
        return cursor.fetchall()


def _text(value: bytes) -> str:
    return b32encode(value).decode().rstrip("=").lower()


def _checksum(identifier: str, secret: str) -> str:
    return _text(zlib.crc32(f"{identifier}_{secret}".encode()).to_bytes(4, "big"))

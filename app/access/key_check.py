"""Whether a key that was sent is in force, asked of the database each time: a revoked or expired one stops at once."""

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
from psycopg_pool import AsyncConnectionPool

from app.access.key_form import KeyInvalid, Presented, digest
from app.access.peppers import Peppers

FIND = """
SELECT id, name, operator, scopes, budget, expires_at, digest, pepper, revoked_at IS NOT NULL, expires_at <= now()
FROM api_key WHERE id = %s
"""


class Known(NamedTuple):
    """A key that is in force. `digest_in_force`: what to store of it instead, when it is kept under a former pepper."""

    id: str
    name: str
    operator: str | None
    scopes: Sequence[str]
    budget: int | None
    expires_at: datetime
    digest_in_force: bytes | None


async def find(pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]], peppers: Peppers, key: Presented) -> Known:
    """The key in force. Raises KeyInvalid."""
    async with pool.connection() as connection:
        row = await (await connection.execute(FIND, (key.id,))).fetchone()
    return _judged(row, peppers, key)


def find_for_command(connection: psycopg.Connection[Any], peppers: Peppers, key: Presented) -> Known:
    """The same for commands. Raises KeyInvalid."""
    return _judged(connection.execute(FIND, (key.id,)).fetchone(), peppers, key)


def _judged(row: Sequence[Any] | None, peppers: Peppers, key: Presented) -> Known:
    """Only who holds the secret learns that a key expired."""
    unknown = KeyInvalid("This key is not known, or it was revoked.")
    if row is None:
        raise unknown
    identifier, name, operator, scopes, budget, expires_at, stored, pepper, is_revoked, is_over = row
    kept_under = [each for each in peppers.named(pepper) if hmac.compare_digest(stored, digest(each, key))]
    if not kept_under or is_revoked:
        raise unknown
    if is_over:
        raise KeyInvalid(f"This key expired on {expires_at.astimezone(UTC):%d %B %Y}: ask for a new one.")
    digest_in_force = None if pepper == peppers.current.id else digest(peppers.current, key)
    return Known(identifier, name, operator, scopes, budget, expires_at, digest_in_force)

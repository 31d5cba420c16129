"""The audit trail: one row for each write and each administrative act, bound to the row before it by its hash.

    hash = SHA-256(the row as canonical JSON (RFC 8785), without `previous` and `hash` ‖ hash of the row before)

A row is added by the SQL function `audit_append` in the transaction of the act, as the last statement before the
commit: it takes advisory lock 10, which comes after that of the publication (4). So act and row are committed together
or not at all, and rows stand in the order of the commits. `audit_append_all` adds those of a batch.
`app.access.audit_verify` reads the chain again.
"""

import getpass
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg.rows import scalar_row
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

FIELDS = (
    "actor",
    "credential",
    "operator",
    "action",
    "object_kind",
    "object_key",
    "before",
    "after",
    "detail",
    "request_id",
)
ENTRY = f"SELECT audit_append({', '.join(f'%({field})s' for field in FIELDS)})"
SESSION_ENTRY = text(f"SELECT audit_append({', '.join(f':{field}' for field in FIELDS)})")


@dataclass(frozen=True, slots=True)
class Act:
    """What is written down of one act.

    `actor`: who did it (the caller's id, or `account NAME` for a command); `credential`: by what (`key:…`,
    `certificate:…`, `token:…`, `account:…`); `operator`: on whose behalf. `before`, `after`: `row_hash` of the object,
    None where there was or is none. `detail`: a sentence without secrets.
    """

    actor: str
    credential: str
    operator: str | None
    action: str
    object_kind: str
    object_key: str
    before: bytes | None = None
    after: bytes | None = None
    detail: str = ""
    request_id: str | None = None


def append(connection: psycopg.Connection[Any] | psycopg.Cursor[Any], act: Act) -> int:
    """Add an act to the trail, last before the commit. Returns its number."""
    owner = connection.connection if isinstance(connection, psycopg.Cursor) else connection
    with owner.cursor(row_factory=scalar_row) as cursor:
        return int(cursor.execute(ENTRY, asdict(act)).fetchone() or 0)


async def append_async(connection: AsyncSession | psycopg.AsyncConnection[Any], act: Act) -> int:
    """The same within the transaction of a request."""
    if isinstance(connection, AsyncSession):
        return int((await connection.execute(SESSION_ENTRY, asdict(act))).scalar_one())
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(ENTRY, asdict(act))
        return int(await cursor.fetchone() or 0)


def by_command(
    action: str,
    object_kind: str,
    object_key: str,
    *,
    operator: str | None = None,
    before: bytes | None = None,
    after: bytes | None = None,
    detail: str = "",
) -> Act:
    """An act of a command, done by the account of this machine that runs it."""
    account = getpass.getuser()
    credential = f"account:{account}"
    return Act(f"account {account}", credential, operator, action, object_kind, object_key, before, after, detail)


def row_hash(row: Mapping[str, Any] | None) -> bytes | None:
    """SHA-256 of a row as canonical JSON (RFC 8785): what `before` and `after` hold. Raises TypeError for a float."""
    return None if row is None else hashlib.sha256(canonical_json(row).encode()).digest()


def canonical_json(row: Mapping[str, Any]) -> str:
    """RFC 8785 for rows of the registry: ASCII keys, texts, integers, booleans, null, lists; instants as UTC text."""
    return json.dumps(_plain(row), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case date():
            return value.isoformat()
        case bytes():
            return value.hex()
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
    raise TypeError(f"{type(value).__name__} has no place in the canonical JSON of a row")

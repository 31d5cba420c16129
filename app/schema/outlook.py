"""`annuaire db upgrade --check`: what an upgrade would do to those who are at work. Looks, and changes nothing.

Locks are those that were measured on an empty database (app.schema.locks); rows and bytes are PostgreSQL's estimates of
this one. Nobody can say beforehand how long a lock will be held: what is said is whether that grows with the table.
"""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from alembic.script import ScriptDirectory

from app.schema.locks import Lock, measured
from app.schema.program import program
from app.schema.standing import Standing, look, missing, scripts, served

Connection = psycopg.Connection[Any]
SIZES = """
SELECT c.relname, greatest(c.reltuples, 0)::bigint,
  CASE WHEN c.relkind IN ('r', 'm') THEN pg_total_relation_size(c.oid) ELSE 0 END
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%s)
"""
SESSIONS = """
SELECT application_name, count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'annuaire%%'
GROUP BY 1 ORDER BY 1
"""
# The place and the state of a standby are shown to members of pg_read_all_stats alone.
STANDBYS = "SELECT coalesce(application_name, ''), state FROM pg_stat_replication ORDER BY 1"
PLACE = """
SELECT pg_database_size(current_database()), (SELECT setting FROM pg_settings WHERE name = 'data_directory')
"""


@dataclass(frozen=True, slots=True)
class TableLock:
    """A lock on a table of this database. `rows` are estimated; `is_long`: held as long as all of them take."""

    table: str
    mode: str
    blocks: str
    is_long: bool
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Pending:
    """A migration to come. `goes_on`: whether the code of the present schema may run beside it and afterwards."""

    revision: str
    what: str
    goes_on: bool
    locks: list[TableLock]


@dataclass(frozen=True, slots=True)
class Connected:
    """Sessions of one of our programs. `goes_on`: whether its code may after the upgrade; None: it does not say."""

    application: str
    sessions: int
    goes_on: bool | None


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of the database, and of what is made a second time meanwhile; `free` is None where PostgreSQL is elsewhere,
    or our role may not see where its files are."""

    database: int
    copied: int
    free: int | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """All that is to be known before an upgrade."""

    migrations: list[Pending]
    connected: list[Connected]
    standbys: list[str]
    space: Space

    def as_json(self) -> dict[str, Any]:
        return {"checked": [each.revision for each in self.migrations], **asdict(self)}

    @property
    def is_enough(self) -> bool:
        """Whether nothing is known to be in the way: space for what is copied."""
        return self.space.free is None or self.space.free > self.space.copied


def examine(connection: Connection, directory: ScriptDirectory | None = None) -> Outlook:
    """What an upgrade of this database to this code would do. Raises Refused (schema.unknown)."""
    directory = directory or scripts()
    standing = look(connection)
    left = missing(standing, directory)
    locks = {revision: _locks(connection, measured().get(revision, [])) for revision in left}
    migrations = [_pending(directory, standing, revision, locks[revision]) for revision in left]
    copied = sum(
        found.bytes
        for revision in left
        for found, lock in zip(locks[revision], measured().get(revision, []), strict=True)
        if lock.rewrites or lock.indexes
    )
    return Outlook(
        migrations,
        _connected(connection, standing, served(directory, left[-1]) if left else None),
        [f"{name}, {state or 'its state is not shown to our role'}" for name, state in connection.execute(STANDBYS)],
        _space(connection, copied),
    )


def _pending(directory: ScriptDirectory, standing: Standing, revision: str, locks: list[TableLock]) -> Pending:
    told = (directory.get_revision(revision).doc or "").strip().splitlines()
    goes_on = set(standing.revisions) <= set(served(directory, revision)) and bool(standing.revisions)
    return Pending(revision, told[0] if told else "", goes_on, locks)


def _locks(connection: Connection, locks: Sequence[Lock]) -> list[TableLock]:
    """Tables that an earlier pending migration makes are not there yet, and empty when it locks them."""
    sizes = {name: (rows, size) for name, rows, size in connection.execute(SIZES, [[lock.table for lock in locks]])}
    return [
        TableLock(lock.table, lock.mode, lock.blocks, lock.is_long, *sizes.get(lock.table, (0, 0))) for lock in locks
    ]


def _connected(connection: Connection, standing: Standing, serves: Sequence[str] | None) -> list[Connected]:
    """`serves`: the code that the schema will serve; None: it stays as it is."""

    def goes_on(name: str) -> bool | None:
        known = program(name)
        if known is None or known.schema is None:
            return None
        return known.schema in serves if serves else standing.serves([known.schema])

    return [Connected(name, count, goes_on(name)) for name, count in connection.execute(SESSIONS)]


def _space(connection: Connection, copied: int) -> Space:
    row = connection.execute(PLACE).fetchone()
    size, place = row or (0, None)
    host = connection.info.host
    is_here = not host or host.startswith("/") or host in {"localhost", "127.0.0.1", "::1"}
    try:
        free = shutil.disk_usage(place).free if place and is_here else None
    except OSError:
        free = None
    return Space(size, copied, free)


def told(outlook: Outlook) -> str:
    """The outlook for people."""
    lines = [f"missing: {', '.join(each.revision for each in outlook.migrations) or 'nothing'}"]
    for each in outlook.migrations:
        beside = "the present version may go on" if each.goes_on else "stop the present version first"
        lines.append(f"{each.revision}  {each.what} ({beside})")
        lines += [f"      {_of_lock(lock)}" for lock in each.locks] or ["      locks nothing that is in use"]
    if outlook.migrations:
        says = {True: "may go on", False: "cannot go on: stop it first", None: "does not say what it expects"}
        lines += [
            f"connected: {each.sessions} of {each.application}: {says[each.goes_on]}" for each in outlook.connected
        ]
        lines += [
            f"standby: {each}: it takes the same locks, and ends queries there that are in the way"
            for each in outlook.standbys
        ]
        lines.append(_of_space(outlook.space, is_enough=outlook.is_enough))
    return "\n".join(lines)


def _of_lock(lock: TableLock) -> str:
    long = f"for all of its about {lock.rows:,} rows".replace(",", " ") if lock.is_long else "briefly"
    return f"{lock.table}: {lock.mode}, blocks {lock.blocks}, {long}"


def _of_space(space: Space, *, is_enough: bool) -> str:
    free = "free space is not visible from here" if space.free is None else f"{_mega(space.free)} are free"
    warns = "" if is_enough else ": TOO LITTLE"
    twice = f"{_mega(space.copied)} of {_mega(space.database)} are made a second time, new tables aside"
    return f"space: {twice}; {free}{warns}"


def _mega(count: int) -> str:
    return f"{count / 1_000_000:,.0f} MB".replace(",", " ")

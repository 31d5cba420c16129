"""The first publication of a whole registry: built beside the empty one by several connections, and put in its place.

    lock ─► tables `…_next` without indexes ─► portions of documents ─► indexes ─► swap, edition, marks
                                               └─ each by one of crew.WORKERS connections      └─ one transaction

The views that make the documents for publish() make them here, under the same lock. Nobody sees any document before the
swap: a crash anywhere leaves the empty publication and all marks, and the next try begins anew. Numbers come from a
sequence of its own, dense because a build that loses one is thrown away whole (ADR 0012).
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import structlog
from psycopg import sql

from app.publication.crew import Connection, Progress, Task, counting_down, work
from app.settings import Settings

logger = structlog.get_logger(__name__)

PUBLICATION_LOCK = 4
# From so many marks on, or with one for the whole registry, an empty publication is built this way.
MANY = 20_000
PORTION = 10_000
# Of the log only its open end is built; the ranges before it stay where they are.
TABLES = ("publication", "change_head", "alias", "mailbox_search", "organization_search", "practitioner_search")
SOURCES = {"organization": "organization", "practitioner": "practitioner", "mailbox": "mailbox"}
KEYS = {"organization": "key", "practitioner": "national_id", "mailbox": "address"}
WANTED = """
SELECT NOT EXISTS (SELECT FROM publication)
  AND (EXISTS (SELECT FROM pending WHERE kind = 'registry')
       OR (SELECT count(*) FROM (SELECT FROM pending LIMIT %s) few) = %s)
"""
BOUNDS = """
SELECT {key} FROM (SELECT {key}, row_number() OVER (ORDER BY {key}) AS place FROM {table}) ordered
WHERE place %% %s = 1 ORDER BY 1
"""
INDEXES = """
SELECT i.relname, pg_get_indexdef(x.indexrelid), c.conname
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
LEFT JOIN pg_constraint c ON c.conindid = x.indexrelid AND c.contype = 'p'
WHERE x.indrelid = %s::regclass ORDER BY 1
"""
# What publish() forgets: public again, or hidden now.
FORGET = """
DELETE FROM withdrawn w WHERE EXISTS (SELECT FROM publication_next p WHERE p.kind = 'mailbox' AND p.key = w.address)
  OR EXISTS (SELECT FROM mailbox m WHERE m.address = w.address AND (m.unlisted OR m.state = 'suspended'))
"""
GRANTED = """
SELECT a.privilege_type, CASE WHEN a.grantee <> 0 THEN a.grantee::regrole::text END, a.is_grantable
FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a WHERE c.oid = %s::regclass AND a.grantee <> c.relowner
"""
RANGE_OF_HEAD = "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = 'change_head'::regclass"
NUMBERED = "UPDATE directory SET edition = coalesce((SELECT max(sequence) FROM change), edition) RETURNING edition"
OPTIONS = "SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = %s::regclass AND reloptions IS NOT NULL"
# Readers never queue behind the swap for longer than this, nor run into a deadlock with it (which is found after 1 s).
SWAP_PATIENCE, SWAP_PAUSE, SWAP_TRIES = "500ms", 0.25, 120
# Above every key, which are ASCII or UTF-8 text.
END = "\U0010ffff"
# Table, name, statement that makes it on the table that is being built, and its primary key if it is one's.
Index = tuple[str, str, str, str | None]


def is_wanted(connection: Connection) -> bool:
    """Whether nothing is published yet, and so much waits that building beside is faster than draining."""
    row = connection.execute(WANTED, [MANY, MANY]).fetchone()
    return bool(row and row[0])


def publish_all(settings: Settings, connection: Connection, *, progress: Progress | None = None) -> int:
    """Publish the whole registry into an empty publication, and remove the marks that waited. Returns the edition.

    The connection is in autocommit. The publication lock is held from the first document to the swap: whoever publishes
    meanwhile waits, or is told to come again. `progress` is told how many documents are left.
    """
    with _lock(connection):
        if not is_wanted(connection):
            return _edition(connection)
        connection.execute("DROP TABLE IF EXISTS pg_temp.taken")
        connection.execute("CREATE TEMP TABLE taken AS SELECT id FROM pending")
        _make_tables(connection)
        at = _now(connection)
        portions = [_portion(kind, first, last, at) for kind in SOURCES for first, last in _ranges(connection, kind)]
        work(settings, portions, counting_down(progress, len(portions) * PORTION, PORTION))
        indexes = [index for table in TABLES for index in _indexes(connection, table)]
        finish = [statement for _, _, statement, _ in indexes] + [f"ANALYZE {table}_next" for table in TABLES]
        # The dictionaries of the searches: nobody reads them before the swap, for nothing is published.
        finish.insert(0, "SELECT fill_names('practitioner_search_next')")
        finish.insert(0, "SELECT fill_structures('organization_search_next')")
        work(settings, [_statement(statement) for statement in finish], lambda _: None)
        return _swap(connection, indexes)


@contextmanager
def _lock(connection: Connection) -> Iterator[None]:
    connection.execute("SELECT pg_advisory_lock(%s)", [PUBLICATION_LOCK])
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", [PUBLICATION_LOCK])


def _edition(connection: Connection) -> int:
    return int(_value(connection, "SELECT edition FROM directory"))


def _now(connection: Connection) -> datetime:
    """The instant at which all was published, by the clock of PostgreSQL."""
    found: datetime = _value(connection, "SELECT now()")
    return found


def _value(connection: Connection, statement: str) -> Any:
    """The one value that a statement gives. Raises LookupError: the table directory has no row."""
    row = connection.execute(statement.encode()).fetchone()
    if row is None:
        raise LookupError("the table directory is empty: run `annuaire db upgrade`")
    return row[0]


def _make_tables(connection: Connection) -> None:
    """Empty tables like the real ones, without indexes; those of a build that was cut short go."""
    with connection.transaction():
        connection.execute("DROP SEQUENCE IF EXISTS publication_next_number")
        connection.execute(
            sql.SQL("CREATE SEQUENCE publication_next_number START {}").format(sql.Literal(_edition(connection) + 1))
        )
        for table in TABLES:
            names = {"table": sql.Identifier(table), "next": sql.Identifier(f"{table}_next")}
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {next}").format(**names))
            connection.execute(
                sql.SQL(
                    "CREATE TABLE {next} (LIKE {table} INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING CONSTRAINTS"
                    " INCLUDING STORAGE INCLUDING COMMENTS)"
                ).format(**names)
            )
            for (options,) in connection.execute(OPTIONS, [table]).fetchall():
                connection.execute(
                    sql.SQL("ALTER TABLE {next} SET ({options})").format(**names, options=sql.SQL(options))
                )
            for privilege, role, is_grantable in connection.execute(GRANTED, [table]).fetchall():
                form = "GRANT {privilege} ON {next} TO {role}" + (" WITH GRANT OPTION" if is_grantable else "")
                # Privileges and roles as PostgreSQL writes them: words, and names quoted where they need it.
                grant = sql.SQL(form).format(**names, privilege=sql.SQL(privilege), role=sql.SQL(role or "PUBLIC"))
                connection.execute(grant)
        # What happened before all was withdrawn stays in the log.
        connection.execute("INSERT INTO change_head_next SELECT * FROM change_head")


def _ranges(connection: Connection, kind: str) -> list[tuple[str, str]]:
    """Ranges of keys that hold all keys of a kind, each with PORTION rows; none where there is no row."""
    statement = sql.SQL(BOUNDS).format(key=sql.Identifier(KEYS[kind]), table=sql.Identifier(SOURCES[kind]))
    bounds = [key for (key,) in connection.execute(statement, [PORTION]).fetchall()]
    return list(pairwise([*bounds, END]))


def _portion(kind: str, first: str, last: str, at: datetime) -> Task:
    statement = STATEMENTS[kind]

    def publish(connection: Connection) -> int:
        row = connection.execute(statement.encode(), {"first": first, "last": last, "at": at}).fetchone()
        return int(row[0]) if row else 0

    return publish


def _statement(statement: str) -> Task:
    def execute(connection: Connection) -> int:
        connection.execute(statement.encode())
        return 0

    return execute


def _indexes(connection: Connection, table: str) -> list[Index]:
    """Every index of a table."""
    found = connection.execute(INDEXES, [table]).fetchall()
    return [
        (
            table,
            name,
            definition.replace(f"INDEX {name} ON public.{table} ", f"INDEX {name}_next ON public.{table}_next "),
            constraint,
        )
        for name, definition, constraint in found
    ]


def _swap(connection: Connection, indexes: Sequence[Index]) -> int:
    """The built tables become the real ones, as soon as no reader stands in the way. Returns the edition.

    Raises LockNotAvailable when somebody reads an empty publication all the time; the marks are still there.
    """
    for _ in range(SWAP_TRIES - 1):
        try:
            return _exchange(connection, indexes)
        except psycopg.errors.LockNotAvailable:
            time.sleep(SWAP_PAUSE)
    return _exchange(connection, indexes)


def _exchange(connection: Connection, indexes: Sequence[Index]) -> int:
    """The swap, with the edition that the tables stand for; and the marks go."""
    with connection.transaction():
        connection.execute(f"SET LOCAL lock_timeout = '{SWAP_PATIENCE}'".encode())
        connection.execute(f"LOCK TABLE change, {', '.join(TABLES)} IN ACCESS EXCLUSIVE MODE".encode())
        connection.execute(FORGET)
        range_of_head = _value(connection, RANGE_OF_HEAD)
        for table in TABLES:
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(table)))
            connection.execute(
                sql.SQL("ALTER TABLE {} RENAME TO {}").format(sql.Identifier(f"{table}_next"), sql.Identifier(table))
            )
        for index in indexes:
            _rename(connection, *index)
        connection.execute("SELECT follow_names(), follow_structures()")
        connection.execute(f"ALTER TABLE change ATTACH PARTITION change_head {range_of_head}".encode())
        edition = int(_value(connection, NUMBERED))
        connection.execute("DROP SEQUENCE publication_next_number")
        connection.execute("DELETE FROM pending p USING taken t WHERE t.id = p.id")
        connection.execute("DROP TABLE taken")
        connection.execute("SELECT pg_notify('annuaire_change', %s)", [str(edition)])
    logger.info("published the whole registry", edition=edition)
    return edition


def _rename(connection: Connection, table: str, name: str, _: str, primary: str | None) -> None:
    """An index made under another name takes the name of the one that went; that of a primary key becomes the key."""
    names = {"table": sql.Identifier(table), "made": sql.Identifier(f"{name}_next"), "name": sql.Identifier(name)}
    if primary:
        form = "ALTER TABLE {table} ADD CONSTRAINT {name} PRIMARY KEY USING INDEX {made}"
    else:
        form = "ALTER INDEX {made} RENAME TO {name}"
    connection.execute(sql.SQL(form).format(**names))


def _statements() -> dict[str, str]:
    """The named statements of bulk.sql."""
    text = (Path(__file__).parent / "bulk.sql").read_text(encoding="utf-8")
    parts = text.split("-- name: ")[1:]
    return {name: body.rstrip().rstrip(";") for name, _, body in (part.partition("\n") for part in parts)}


STATEMENTS = _statements()

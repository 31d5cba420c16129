"""The first publication of a whole registry: built beside the empty one by several connections, and put in its place.

    lock ─► tables `…_next` without indexes ─► portions of documents ─► indexes ─► swap, edition, marks
                                               └─ each by one of WORKERS connections      └─ one transaction

The views that make the documents for publish() make them here, under the same lock. Only a part that many documents
share, the summary of a structure, is made first and read from a table by the same views. Nobody sees any document
before the swap: a crash anywhere leaves the empty publication and all marks, and the next try begins anew. Numbers come
from a sequence of its own, dense because a build that loses one is thrown away whole (ADR 0012).
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import structlog
from psycopg import sql

from app.db import connect
from app.settings import Settings

logger = structlog.get_logger(__name__)

PUBLICATION_LOCK = 4
WORKERS = 2
# From so many marks on, or with one for the whole registry, an empty publication is built this way.
MANY = 20_000
PORTION = 10_000
TABLES = ("publication", "change", "alias", "mailbox_search", "organization_search", "practitioner_search")
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
FORGET = """
DELETE FROM withdrawn w USING publication_next p WHERE p.kind = 'mailbox' AND p.key = w.address
"""
# Above every key, which are ASCII or UTF-8 text.
END = "\U0010ffff"
Connection = psycopg.Connection[Any]
Progress = Callable[[int], None]
Task = Callable[[Connection], int]


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
        row = connection.execute("SELECT now()").fetchone()
        at: datetime = row[0] if row else datetime.now().astimezone()
        _share_summaries(settings, connection)
        portions = [_portion(kind, first, last, at) for kind in SOURCES for first, last in _ranges(connection, kind)]
        _work(settings, portions, _telling(progress, len(portions) * PORTION))
        indexes = [index for table in TABLES for index in _indexes(connection, table)]
        _work(settings, [_creation(statement) for _, _, statement, _ in indexes], lambda _: None)
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
    row = connection.execute("SELECT edition FROM directory").fetchone()
    if row is None:
        raise LookupError("the table directory is empty: run `annuaire db upgrade`")
    return int(row[0])


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
        # What happened before all was withdrawn stays in the log.
        connection.execute("INSERT INTO change_next SELECT * FROM change")


def _share_summaries(settings: Settings, connection: Connection) -> None:
    """The summary of every structure as a table, and the views of the documents that read it there."""
    connection.execute("DROP TABLE IF EXISTS organization_summary_next CASCADE")
    connection.execute("CREATE UNLOGGED TABLE organization_summary_next AS SELECT * FROM organization_summary LIMIT 0")
    portions = [_summaries(first, last) for first, last in _ranges(connection, "organization")]
    _work(settings, portions, lambda _: None)
    connection.execute("CREATE UNIQUE INDEX ON organization_summary_next (organization)")
    connection.execute("ANALYZE organization_summary_next")
    for kind in SOURCES:
        row = connection.execute("SELECT pg_get_viewdef(%s::regclass)", [f"published_{kind}"]).fetchone()
        definition = (row[0] if row else "").replace("organization_summary", "organization_summary_next")
        connection.execute(f"CREATE VIEW published_{kind}_next AS {definition}".encode())


def _summaries(first: str, last: str) -> Task:
    def share(connection: Connection) -> int:
        connection.execute(
            "INSERT INTO organization_summary_next SELECT * FROM organization_summary o"
            " WHERE o.organization >= %s AND o.organization < %s",
            [first, last],
        )
        return 0

    return share


def _ranges(connection: Connection, kind: str) -> list[tuple[str, str]]:
    """Ranges of keys that hold all keys of a kind, each with PORTION rows of the registry."""
    statement = sql.SQL(BOUNDS).format(key=sql.Identifier(KEYS[kind]), table=sql.Identifier(SOURCES[kind]))
    bounds = [key for (key,) in connection.execute(statement, [PORTION]).fetchall()]
    return list(zip(bounds, [*bounds[1:], END], strict=True))


def _portion(kind: str, first: str, last: str, at: datetime) -> Task:
    statement = STATEMENTS[kind]

    def publish(connection: Connection) -> int:
        row = connection.execute(statement.encode(), {"first": first, "last": last, "at": at}).fetchone()
        return int(row[0]) if row else 0

    return publish


def _creation(statement: str) -> Task:
    def create(connection: Connection) -> int:
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute(statement.encode())
        return 0

    return create


def _telling(progress: Progress | None, total: int) -> Progress:
    """Counts portions down; told by several workers, one at a time."""
    left = total
    lock = threading.Lock()

    def done(count: int) -> None:
        nonlocal left
        with lock:
            left = max(0, left - (count or PORTION))
            if progress:
                progress(left)

    return done


def _work(settings: Settings, tasks: Sequence[Task], done: Progress) -> None:
    """Do these tasks on WORKERS connections. Raises what the first failing one raised, when all have stopped."""
    waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)
    faults: list[BaseException] = []

    def work() -> None:
        try:
            with connect(settings, autocommit=True) as connection:
                while not faults:
                    done(waiting.get_nowait()(connection))
        except queue.Empty:
            return
        except BaseException as fault:  # noqa: BLE001 - raised again by the one who waits
            faults.append(fault)

    workers = [threading.Thread(target=work, name=f"publisher-{number}") for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if faults:
        raise faults[0]


def _indexes(connection: Connection, table: str) -> list[tuple[str, str, str, str | None]]:
    """(table, index, statement that makes it on the next table, primary key) of every index of a table."""
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


def _swap(connection: Connection, indexes: Sequence[tuple[str, str, str, str | None]]) -> int:
    """The built tables become the real ones, with the edition they stand for, and the marks go."""
    for table in TABLES:
        connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(f"{table}_next")))
    with connection.transaction():
        connection.execute(FORGET)
        for table in TABLES:
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(table)))
            connection.execute(
                sql.SQL("ALTER TABLE {} RENAME TO {}").format(sql.Identifier(f"{table}_next"), sql.Identifier(table))
            )
        for table, name, _, primary in indexes:
            names = {
                "table": sql.Identifier(table),
                "made": sql.Identifier(f"{name}_next"),
                "name": sql.Identifier(name),
            }
            if primary:
                form = "ALTER TABLE {table} ADD CONSTRAINT {name} PRIMARY KEY USING INDEX {made}"
            else:
                form = "ALTER INDEX {made} RENAME TO {name}"
            connection.execute(sql.SQL(form).format(**names))
        row = connection.execute(
            "UPDATE directory SET edition = coalesce((SELECT max(sequence) FROM change), 0) RETURNING edition"
        ).fetchone()
        edition = int(row[0]) if row else 0
        connection.execute("DROP TABLE organization_summary_next CASCADE")
        connection.execute("DROP SEQUENCE publication_next_number")
        connection.execute("DELETE FROM pending p USING taken t WHERE t.id = p.id")
        connection.execute("SELECT pg_notify('annuaire_change', %s)", [str(edition)])
    logger.info("published the whole registry", edition=edition)
    return edition


def _statements() -> dict[str, str]:
    """The named statements of bulk.sql."""
    text = (Path(__file__).parent / "bulk.sql").read_text(encoding="utf-8")
    parts = text.split("-- name: ")[1:]
    return {name: body.rstrip().rstrip(";") for name, _, body in (part.partition("\n") for part in parts)}


STATEMENTS = _statements()

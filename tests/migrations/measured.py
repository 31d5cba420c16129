"""What migrations do: each is run on the schema before it, and its locks are read as it is about to commit.

python -m tests.migrations.measured --write     writes migrations/locks.json anew
python -m tests.migrations.measured --check     compares it, and gives every statement to squawk (`make check`)
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from app.db import alembic_config
from app.embedded import Postgres
from app.schema.locks import BLOCKS, MEASURED, Lock
from tests.harness.database import cloned
from tests.harness.directory import directory
from tests.migrations.squawk import lint

TABLES = """
SELECT c.oid, c.relname, pg_relation_filenode(c.oid),
  ARRAY(SELECT indexrelid::bigint FROM pg_index WHERE indrelid = c.oid ORDER BY 1)
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND c.relname <> 'alembic_version'
"""
HELD = "SELECT DISTINCT relation::bigint, mode FROM pg_locks WHERE pid = pg_backend_pid() AND granted AND relation > 0"
READ = "SELECT relid::bigint FROM pg_stat_xact_user_tables WHERE seq_scan > 0"
STRONGEST_FIRST = list(BLOCKS)


@dataclass
class Script:
    """The statements of one migration: those of its transaction, and those it sends outside of one."""

    inside: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)


@dataclass
class Measure:
    """One migration: its locks, and what it sent."""

    revision: str
    locks: list[Lock]
    script: Script


class Table:
    """One table or view as it was before or after a migration."""

    def __init__(self, name: str, filenode: int | None, indexes: list[int]) -> None:
        self.name, self.filenode, self.indexes = name, filenode, set(indexes)


def measure(config: Config, dsn: str, revision: str) -> Measure:
    """Run one migration, which must be the next, on the database of `config`."""
    script, held, read = Script(), dict[int, set[str]](), set[int]()

    def witness(connection: Connection) -> None:
        for relation, mode in connection.execute(text(HELD)):
            held.setdefault(relation, set()).add(_words(mode))
        read.update(connection.execute(text(READ)).scalars())

    config.attributes |= {"witness": witness, "connect_args": {"cursor_factory": recording(script)}}
    with psycopg.connect(dsn, autocommit=True) as connection:
        before = _tables(connection)
        command.upgrade(config, revision)
        after = _tables(connection)
    return Measure(revision, list(_locks(before, after, held, read)), script)


def _words(mode: str) -> str:
    """`AccessExclusiveLock` as the documentation of PostgreSQL writes it."""
    return "".join(f" {letter}" if letter.isupper() else letter for letter in mode[:-4]).strip().upper()


def _tables(connection: psycopg.Connection[Any]) -> dict[int, Table]:
    return {row[0]: Table(*row[1:]) for row in connection.execute(TABLES).fetchall()}


def _locks(
    before: Mapping[int, Table], after: Mapping[int, Table], held: Mapping[int, set[str]], read: set[int]
) -> Iterator[Lock]:
    for oid, table in sorted(before.items(), key=lambda each: each[1].name):
        now = after.get(oid)
        modes = held.get(oid, set()) & BLOCKS.keys()
        is_indexed = now is not None and bool(now.indexes - table.indexes)
        if is_indexed and not modes & {"SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"}:
            # Built concurrently: PostgreSQL gave the lock back before the migration's last transaction.
            modes |= {"SHARE UPDATE EXCLUSIVE"}
        if modes:
            is_rewritten = now is not None and now.filenode != table.filenode
            mode = min(modes, key=STRONGEST_FIRST.index)
            yield Lock(table.name, mode, reads=oid in read or is_indexed, rewrites=is_rewritten, indexes=is_indexed)


def recording(script: Script) -> type[psycopg.Cursor[Any]]:
    """A cursor that notes what is sent by the migration itself: statements without parameters."""

    class Recording(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            # Alembic's own table is its own affair.
            if not params and isinstance(query, str) and "alembic_version" not in query:
                (script.outside if self.connection.autocommit else script.inside).append(query)
            return super().execute(query, params, **options)

    return Recording


def measure_all(cluster: Postgres) -> list[Measure]:
    """Every migration of this code, oldest first, on an empty database."""
    with cloned(cluster, template="template0") as database:
        config = alembic_config(database.dsn)
        revisions = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]
        return [measure(config, database.dsn, revision) for revision in reversed(revisions)]


def as_text(measures: list[Measure]) -> str:
    """The content of migrations/locks.json: only what is true of a lock is said."""
    kept = {
        each.revision: [{name: value for name, value in lock._asdict().items() if value} for lock in each.locks]
        for each in measures
    }
    lines = (f"  {json.dumps(revision)}: {_list(locks)}" for revision, locks in kept.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _list(locks: list[dict[str, object]]) -> str:
    return "[\n" + ",\n".join(f"    {json.dumps(lock)}" for lock in locks) + "\n  ]" if locks else "[]"


def main() -> int:
    """Exit code 1: locks.json is not what was measured, or squawk found what nobody explains."""
    parser = argparse.ArgumentParser(description="What migrations lock, and what squawk says of them.")
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--write", action="store_true")
    asked.add_argument("--check", action="store_true")
    is_written = parser.parse_args().write
    with directory() as folder, Postgres(folder, fast=True) as cluster:
        measures = measure_all(cluster)
    if is_written:
        MEASURED.write_text(as_text(measures), encoding="utf-8")
        return 0
    faults = lint(measures)
    if MEASURED.read_text(encoding="utf-8") != as_text(measures):
        faults.append(f"{MEASURED.name} is not what was measured: python -m tests.migrations.measured --write")
    good = (
        f"{len(measures)} migrations: their locks are as written down, and squawk finds nothing that is not explained"
    )
    sys.stdout.writelines(f"{line}\n" for line in faults or [good])
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

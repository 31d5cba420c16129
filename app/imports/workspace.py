"""The schema of a run: its lines, what they state, and what would change, from the plan to the end of the run.

Its tables are not temporary, so that a plan outlives the command that made it, and so that PostgreSQL may read them
with several processes. They are unlogged: a crash of PostgreSQL empties them, which `Workspace.is_whole` finds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from app.imports.reading import Layout, missing_fields
from app.imports.sources.description import Source

KEPT = "import_kept"
PREFIX = "import_run_"
Cursor = psycopg.Cursor[Any]


@dataclass(frozen=True)
class Workspace:
    """The schema of run `number`."""

    number: int

    @property
    def schema(self) -> sql.Identifier:
        return sql.Identifier(f"{PREFIX}{self.number}")

    def create(self, cursor: Cursor, layout: Layout) -> None:
        """Make the schema and the tables that `sources.description` promises, and work in it (`enter`)."""
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(self.schema))
        self.enter(cursor)
        source = layout.source
        ours = [column.field for column in source.columns]
        unknown = [field for field in layout.fields if field not in ours]
        columns: list[sql.Composable] = [sql.SQL("line integer")]
        columns += [sql.SQL("digest bigint")] if layout.keeps_lines else []
        # Keys come first: whoever reads a column walks over all before it, in each of millions of lines.
        columns += [
            sql.SQL('{} text COLLATE "C" GENERATED ALWAYS AS ({}) STORED').format(
                sql.Identifier(f"key_{entity.name}"), sql.SQL(entity.key)
            )
            for entity in source.entities
        ]
        columns += [sql.SQL("{} text").format(sql.Identifier(name)) for name in (*ours, *unknown)]
        # It is analysed as soon as it is filled: autovacuum would only compete, and hold up the table's way to the kept
        # lines.
        statement = sql.SQL("CREATE UNLOGGED TABLE stage ({}) WITH (autovacuum_enabled = off)")
        cursor.execute(statement.format(sql.SQL(", ").join(columns)))
        cursor.execute("CREATE UNLOGGED TABLE line_order (digests bytea)")
        # Digests are random bytes: nothing compresses them.
        cursor.execute("ALTER TABLE line_order ALTER COLUMN digests SET STORAGE EXTERNAL")
        cursor.execute("CREATE UNLOGGED TABLE stage_missing (field text)")
        cursor.execute("CREATE UNLOGGED TABLE plan_warning (code text, entities bigint)")
        cursor.execute("CREATE UNLOGGED TABLE gone_digest (digest bigint)")
        cursor.execute(
            "CREATE UNLOGGED TABLE import_stage_reject"
            ' (line integer, "column" text, code text, detail text, content text)'
        )
        cursor.execute("CREATE UNLOGGED TABLE survivor AS SELECT true AS is_whole")
        cursor.execute("INSERT INTO stage_missing SELECT unnest(%s::text[])", [sorted(missing_fields(layout))])

    def enter(self, cursor: Cursor) -> None:
        """Names without a schema mean this run's tables first, then the directory's; until the transaction ends.

        Rows are kept as JSON and compared with what they were: instants must read the same in every session.
        """
        cursor.execute("SET LOCAL timezone = 'UTC'")
        cursor.execute(sql.SQL("SET LOCAL search_path = {}, public").format(self.schema))

    def drop(self, cursor: Cursor) -> None:
        cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(self.schema))

    def is_whole(self, cursor: Cursor, staged: int) -> bool:
        """Whether the schema still holds what was staged: a crash of PostgreSQL empties it, `survivor` too, which tells
        where nothing was staged.
        """
        row = cursor.execute("SELECT to_regclass(%s)", [f"{PREFIX}{self.number}.survivor"]).fetchone()
        return (
            bool(row and row[0])
            and count(cursor, sql.SQL("SELECT count(*) FROM {}.survivor").format(self.schema)) == 1
            and count(cursor, sql.SQL("SELECT count(*) FROM {}.stage").format(self.schema)) == staged
        )


def kept(source: Source) -> sql.Identifier:
    """The table of the lines that the last applied file of a source holds."""
    return sql.Identifier(KEPT, source.name)


def lost(source: Source) -> sql.Identifier:
    """The table of the lines that an applied run took out of `kept`, so that an undo can put them back."""
    return sql.Identifier(KEPT, f"{source.name}_gone")


def order(source: Source) -> sql.Identifier:
    """The table that holds the digests of the kept lines in the order of their file."""
    return sql.Identifier(KEPT, f"{source.name}_order")


def exists(cursor: Cursor, table: sql.Identifier) -> bool:
    row = cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table.as_string(cursor)]).fetchone()
    return bool(row and row[0])


def drop_others(cursor: Cursor, numbers: Iterable[int]) -> None:
    """Drop the schemas of all runs but these: what a killed importer left behind."""
    wanted = {f"{PREFIX}{number}" for number in numbers}
    found = cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'import\\_run\\_%'").fetchall()
    for (name,) in found:
        if name not in wanted:
            cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))


def count(cursor: Cursor, statement: sql.Composed | str) -> int:
    """The one number that a statement gives."""
    row = cursor.execute(statement if isinstance(statement, sql.Composed) else statement.encode()).fetchone()
    return int(row[0]) if row and row[0] is not None else 0

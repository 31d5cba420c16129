"""Many rows into tables that held few: indexes and foreign keys are taken away first and made again over the filled
table.

Made over all rows at once, an index costs a sort and a foreign key one join, instead of a look-up for every row. Nobody
else sees the tables without them: it all happens in one transaction, under locks that keep other writers out.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from psycopg import sql

from app.imports.workspace import Cursor

# Foreign keys first, so that the keys they lean on can go.
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype = 'f'
FROM pg_constraint
WHERE contype IN ('f', 'p', 'u') AND conparentid = 0
  AND (conrelid = ANY(%(tables)s::regclass[]) OR (contype = 'f' AND confrelid = ANY(%(tables)s::regclass[])))
ORDER BY contype <> 'f', conname
"""
INDEXES = """
SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
WHERE i.indrelid = ANY(%(tables)s::regclass[])
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x'))
ORDER BY 1
"""


@contextmanager
def without_indexes(cursor: Cursor, tables: Sequence[str]) -> Iterator[None]:
    """Take indexes and foreign keys off these tables for the body, and make them again after it. In one transaction."""
    if not tables:
        yield
        return
    given = {"tables": [f"public.{table}" for table in tables]}
    constraints = cursor.execute(CONSTRAINTS, given).fetchall()
    indexes = cursor.execute(INDEXES, given).fetchall()
    for table, name, _, _ in constraints:
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'.encode())
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}".encode())
    yield
    cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
    for _, definition in indexes:
        cursor.execute(definition.encode())
    for table, name, definition, is_reference in constraints:
        if not is_reference:
            cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}'.encode())
    for table in tables:
        # The check of a foreign key is a join, planned by these figures.
        cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))
    for table, name, definition, is_reference in constraints:
        if is_reference:
            cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}'.encode())

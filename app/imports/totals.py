"""What the report counts: how many entities of a source, or rows, a plan creates, updates, closes and leaves alone."""

from collections.abc import Collection
from typing import Any

from psycopg import sql

from app.imports.compare import own_rows
from app.imports.sources.description import Source
from app.imports.workspace import Cursor, count

ROWS = """
SELECT CASE WHEN action = 'delete' THEN 'close' ELSE action END, count(*)
FROM import_change WHERE run = %(run)s AND target = %(target)s GROUP BY 1
"""
# An entity is created when nothing of it was there, and closed when all of it goes.
ENTITIES = """
SELECT CASE WHEN e.creates > 0 AND was.rows = 0 THEN 'create'
            WHEN e.closes > 0 AND e.creates = 0 AND was.rows = e.closes THEN 'close' ELSE 'update' END, count(*)
FROM (
  SELECT entity_key,
    count(*) FILTER (WHERE target = %(target)s AND (action = 'create' OR reason = 'returned')) AS creates,
    count(*) FILTER (WHERE target = %(target)s AND action IN ('close', 'delete')) AS closes
  FROM import_change WHERE run = %(run)s AND entity_kind = %(kind)s GROUP BY entity_key) e
CROSS JOIN LATERAL (
  SELECT count(*) AS rows FROM {table} t WHERE {own} AND t.{column} = e.entity_key AND ({present})) was
GROUP BY 1
"""


def summary(cursor: Cursor, source: Source, run: int, bulk: Collection[str], stated: int) -> dict[str, int]:
    """How many of what the report counts would be created, updated, closed, and stay the same, of so many `stated`."""
    target = source.counted_target
    given: dict[str, Any] = {"run": run, "target": target.table, "kind": target.entity.kind}
    if source.counts_rows:
        rows = dict(cursor.execute(ROWS, given).fetchall())
    else:
        statement = sql.SQL(ENTITIES).format(
            table=sql.Identifier(target.table),
            column=sql.Identifier(target.entity.column),
            own=own_rows(target),
            present=sql.SQL(target.present),
        )
        rows = dict(cursor.execute(statement, given).fetchall())
    created = rows.get("create", 0)
    if target.table in bulk:
        entities = sql.SQL("SELECT count({}) FROM {}").format(_counted(source), sql.Identifier(target.new))
        created += count(cursor, entities)
    updated, closed = rows.get("update", 0), rows.get("close", 0)
    return {"create": created, "update": updated, "close": closed, "same": max(0, stated - updated - closed)}


def _counted(source: Source) -> sql.Composable:
    """What the report counts, among the rows of its target: entities, each once, or rows."""
    target = source.counted_target
    key = [column for column in target.key if column not in target.constants]
    is_single = source.counts_rows or key == [target.entity.column]
    return sql.SQL("" if is_single else "DISTINCT ") + sql.Identifier(target.entity.column)


def stated_now(cursor: Cursor, source: Source) -> int:
    """How many of what the report counts the registry holds of this source."""
    target = source.counted_target
    statement = sql.SQL("SELECT count({counted}) FROM {table} t WHERE {own} AND {stated}").format(
        counted=_counted(source),
        table=sql.Identifier(target.table),
        own=own_rows(target),
        stated=sql.SQL(target.stated or target.scope),
    )
    return count(cursor, statement)

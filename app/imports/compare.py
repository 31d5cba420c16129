"""What a file would change: the rows it states beside the rows of the registry, and the differences in `import_change`.

    stage ─► stage_<entity>          all current lines of every entity that the file touches
          ─► new_<table>             what they state (the source's own SQL)
          ─► import_change           row by row: create, update, close, delete, with the row before and after

A table of which the source has no row yet is `bulk`: every row of `new_<table>` is a creation, and nothing is
written down for each, since the registry itself says which run created a row.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from app.imports.labels import state_labels
from app.imports.sources.description import Entity, Mark, Source, Target
from app.imports.workspace import Cursor, count, kept

# Rows are many and the functions over them dear, which the planner does not know: it shall read with several processes.
FOR_MANY_ROWS = (
    "work_mem = '512MB'",
    "parallel_setup_cost = 100",
    "parallel_tuple_cost = 0.01",
    "min_parallel_table_scan_size = '4MB'",
)
LABELS = Target(
    "file_label",
    key=("value_set", "code", "source"),
    entity=Mark("label", "code"),
    fields=("label",),
    closing={},
    # Triggers mark what shows a label.
    marks=(),
)


TOUCHED = """
CREATE UNLOGGED TABLE {touched} AS
SELECT {key} AS key FROM stage WHERE {key} IS NOT NULL
UNION SELECT {key} FROM {kept} l JOIN gone_line g ON g.place = l.ctid WHERE {key} IS NOT NULL
"""
# What the lines that came say, less what the lines that went said, and the other way round.
TOUCHED_CELLS = """
CREATE UNLOGGED TABLE {touched} AS
WITH came AS (SELECT {said} FROM stage WHERE {key} IS NOT NULL),
     went AS (SELECT {said} FROM {kept} l JOIN gone_line g ON g.place = l.ctid WHERE {key} IS NOT NULL)
SELECT DISTINCT {key} AS key FROM (
  (SELECT * FROM came EXCEPT ALL SELECT * FROM went)
  UNION ALL (SELECT * FROM went EXCEPT ALL SELECT * FROM came)) differing
"""


@dataclass(frozen=True)
class Compared:
    """The tables of which every new row is a creation, and how many entities of `counted` the source stated before."""

    bulk: frozenset[str]
    stated: int


def targets_of(source: Source) -> tuple[Target, ...]:
    """All that a file of this source may write, labels included."""
    return (*source.targets, own_labels(source)) if source.labels else source.targets


def own_labels(source: Source) -> Target:
    """The labels of this source, written beside its targets."""
    return replace(LABELS, constants={"source": source.name})


def compare(cursor: Cursor, source: Source, run: int, *, is_delta: bool) -> Compared:
    """Make `new_<table>` for every target, and note the differences under `run`. Works in the run's schema."""
    for setting in FOR_MANY_ROWS:
        cursor.execute(f"SET LOCAL {setting}".encode())
    if is_delta:
        _touch(cursor, source)
    for entity in source.entities:
        _lines_of(cursor, source, entity, is_delta=is_delta)
    stated = count(cursor, _stated(source))
    # Each statement is sent alone: one text of several is planned before its first table is made.
    for statement in statements(source.state):
        cursor.execute(statement.encode())
    if source.labels:
        state_labels(cursor, source, is_delta=is_delta)
    bulk = set()
    for target in targets_of(source):
        cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(target.new)))
        if _is_bulk(cursor, target):
            bulk.add(target.table)
        else:
            _note_differences(cursor, source, target, run, is_delta=is_delta)
    cursor.execute("ANALYZE import_change")
    return Compared(frozenset(bulk), stated)


def statements(text: str) -> Iterator[str]:
    """The statements of an SQL file: each ends with `;` at the end of a line."""
    found: list[str] = []
    for line in text.splitlines():
        found.append(line)
        if line.rstrip().endswith(";") and not line.lstrip().startswith("--"):
            yield "\n".join(found)
            found.clear()
    if "".join(found).strip():
        yield "\n".join(found)


def own_rows(target: Target) -> sql.Composable:
    """The rows `t` of the registry that are this source's by their key."""
    mine = [
        sql.SQL("t.{} = {}").format(sql.Identifier(column), sql.Literal(value))
        for column, value in target.constants.items()
        if column in target.key
    ]
    return sql.SQL(" AND ").join(mine) if mine else sql.SQL("true")


def _touch(cursor: Cursor, source: Source) -> None:
    """Every entity that a new line or a lost one speaks of."""
    table = kept(source)
    # Of equal lines only as many go as were lost.
    cursor.execute(
        sql.SQL(
            "CREATE UNLOGGED TABLE gone_line AS SELECT place FROM ("
            " SELECT l.ctid AS place, row_number() OVER (PARTITION BY l.digest) AS copy, g.copies"
            " FROM (SELECT digest, count(*) AS copies FROM gone_digest GROUP BY digest) g"
            " JOIN {} l ON l.digest = g.digest) found WHERE copy <= copies"
        ).format(table)
    )
    cursor.execute("ANALYZE gone_line")
    for entity in source.entities:
        touched = sql.Identifier(f"touched_{entity.name}")
        key = sql.Identifier(f"key_{entity.name}")
        said = sql.SQL(", ").join([key, *map(sql.Identifier, entity.cells)])
        statement = TOUCHED_CELLS if entity.cells else TOUCHED
        cursor.execute(sql.SQL(statement).format(touched=touched, key=key, said=said, kept=table))
        cursor.execute(sql.SQL("ANALYZE {}").format(touched))


def _lines_of(cursor: Cursor, source: Source, entity: Entity, *, is_delta: bool) -> None:
    names = {
        "lines": sql.Identifier(f"stage_{entity.name}"),
        "key": sql.Identifier(f"key_{entity.name}"),
        "touched": sql.Identifier(f"touched_{entity.name}"),
        "kept": kept(source),
        "fields": sql.SQL(", ").join(
            sql.Identifier(name)
            for name in (
                *(column.field for column in source.columns),
                *(f"key_{other.name}" for other in source.entities),
            )
        ),
    }
    if not is_delta:
        cursor.execute(sql.SQL("CREATE VIEW {lines} AS SELECT {key} AS key, {fields} FROM stage").format(**names))
        return
    cursor.execute(
        sql.SQL(
            "CREATE UNLOGGED TABLE {lines} AS SELECT {key} AS key, {fields} FROM stage"
            " WHERE {key} IN (SELECT key FROM {touched})"
            " UNION ALL SELECT l.{key}, {fields} FROM {touched} x JOIN {kept} l ON l.{key} = x.key"
            " WHERE NOT EXISTS (SELECT FROM gone_line g WHERE g.place = l.ctid)"
        ).format(**names)
    )
    cursor.execute(sql.SQL("ANALYZE {lines}").format(**names))


def _counted(source: Source) -> sql.Composable:
    """What the report counts, among the rows of its target: entities, each once, or rows."""
    target = source.counted_target
    key = [column for column in target.key if column not in target.constants]
    is_single = source.counts_rows or key == [target.entity.column]
    return sql.SQL("" if is_single else "DISTINCT ") + sql.Identifier(target.entity.column)


def _stated(source: Source) -> sql.Composed:
    target = source.counted_target
    return sql.SQL("SELECT count({counted}) FROM {table} t WHERE {own} AND {scope}").format(
        counted=_counted(source),
        table=sql.Identifier(target.table),
        own=own_rows(target),
        scope=sql.SQL(target.scope if "new_" not in target.scope else "true"),
    )


def _is_bulk(cursor: Cursor, target: Target) -> bool:
    if target.is_missing:
        return True
    statement = sql.SQL("SELECT count(*) FROM (SELECT FROM {} t WHERE {} LIMIT 1) few")
    return count(cursor, statement.format(sql.Identifier(target.table), own_rows(target))) == 0


def _note_differences(cursor: Cursor, source: Source, target: Target, run: int, *, is_delta: bool) -> None:
    is_touched = is_delta and target.entity.kind in {entity.name for entity in source.entities} | {"label"}
    key = [column for column in target.key if column not in target.constants]
    first = sql.Identifier(key[0])
    seen = _rows_differ(target.fields) if target.fields else sql.SQL("false")
    all_fields = (*target.fields, *target.notes)
    differs = _rows_differ(all_fields) if all_fields else sql.SQL("false")
    closes = target.closing is not None and not source.is_partial
    statement = sql.SQL(
        "INSERT INTO import_change (run, target, entity_kind, entity_key, action, reason, is_seen, before, after)"
        " SELECT {run}, {name}, {kind}, coalesce(n.{entity}, t.{entity}),"
        " CASE WHEN t.{first} IS NULL THEN 'create' WHEN n.{first} IS NULL THEN {leaving} ELSE 'update' END,"
        " CASE WHEN t.{first} IS NULL THEN 'new' WHEN n.{first} IS NULL THEN 'absent'"
        "      WHEN NOT ({present}) THEN 'returned' ELSE 'changed' END,"
        " t.{first} IS NULL OR n.{first} IS NULL OR {seen},"
        " CASE WHEN t.{first} IS NOT NULL THEN to_jsonb(t) END,"
        " CASE WHEN n.{first} IS NOT NULL THEN {after} ELSE {closed} END"
        " FROM {new} n FULL JOIN (SELECT t.* FROM {table} t WHERE {own}{touched}) t ON {matching}"
        " WHERE t.{first} IS NULL OR (n.{first} IS NULL AND {closes} AND {scope})"
        "    OR (n.{first} IS NOT NULL AND t.{first} IS NOT NULL AND {differs})"
    ).format(
        run=sql.Literal(run),
        name=sql.Literal(target.table),
        kind=sql.Literal(target.entity.kind),
        entity=sql.Identifier(target.entity.column),
        first=first,
        leaving=sql.Literal("close" if target.closing else "delete"),
        present=sql.SQL(target.present),
        seen=seen,
        after=_after(target),
        closed=sql.SQL("to_jsonb(t) || {}").format(sql.Literal(Jsonb(target.closing)))
        if target.closing
        else sql.SQL("NULL::jsonb"),
        new=sql.Identifier(target.new),
        table=sql.Identifier(target.table),
        own=own_rows(target),
        touched=sql.SQL(" AND t.{} IN (SELECT key FROM {})").format(
            sql.Identifier(target.entity.column), sql.Identifier(f"touched_{target.entity.kind}")
        )
        if is_touched
        else sql.SQL(""),
        matching=_matching(key, target.nullable),
        closes=sql.Literal(closes),
        scope=sql.SQL("({})").format(sql.SQL(target.scope)),
        differs=differs,
    )
    cursor.execute(statement)


def _matching(key: list[str], nullable: tuple[str, ...]) -> sql.Composed:
    """Rows match when their keys do, an absent value being a value of its own."""
    parts = [
        sql.SQL("coalesce(n.{0}, '') = coalesce(t.{0}, '')" if column in nullable else "n.{0} = t.{0}").format(
            sql.Identifier(column)
        )
        for column in key
    ]
    return sql.SQL(" AND ").join(parts)


def _rows_differ(columns: tuple[str, ...]) -> sql.Composed:
    def row(alias: str) -> sql.Composed:
        return sql.SQL(", ").join(sql.SQL(alias + ".{}").format(sql.Identifier(column)) for column in columns)

    return sql.SQL("({}) IS DISTINCT FROM ({})").format(row("n"), row("t"))


def _after(target: Target) -> sql.Composed:
    pairs: list[sql.Composable] = [
        sql.SQL("{}, n.{}").format(sql.Literal(column), sql.Identifier(column)) for column in target.columns
    ]
    pairs += [
        sql.SQL("{}, {}::text").format(sql.Literal(column), sql.Literal(value))
        for column, value in target.constants.items()
    ]
    return sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(pairs))


def summary(cursor: Cursor, source: Source, run: int, compared: Compared) -> dict[str, int]:
    """How many of what the report counts would be created, updated, closed, and stay the same."""
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
    if target.table in compared.bulk:
        entities = sql.SQL("SELECT count({}) FROM {}").format(_counted(source), sql.Identifier(target.new))
        created += count(cursor, entities)
    updated, closed = rows.get("update", 0), rows.get("close", 0)
    return {"create": created, "update": updated, "close": closed, "same": max(0, compared.stated - updated - closed)}


ROWS = """
SELECT CASE WHEN action = 'delete' THEN 'close' ELSE action END, count(*)
FROM import_change WHERE run = %(run)s AND target = %(target)s GROUP BY 1
"""
# An entity is created when nothing of it was there, and closed when all of it goes.
ENTITIES = """
SELECT CASE WHEN e.creates > 0 AND (was.rows = 0) THEN 'create'
            WHEN e.closes > 0 AND e.creates = 0 AND was.rows = e.closes THEN 'close' ELSE 'update' END, count(*)
FROM (
  SELECT entity_key, count(*) FILTER (WHERE target = %(target)s AND (action = 'create' OR reason = 'returned')) AS
  creates,
    count(*) FILTER (WHERE target = %(target)s AND action IN ('close', 'delete')) AS closes
  FROM import_change WHERE run = %(run)s AND entity_kind = %(kind)s GROUP BY entity_key) e
CROSS JOIN LATERAL (SELECT count(*) AS rows FROM {table} t WHERE {own} AND t.{column} = e.entity_key AND
({present})) was
GROUP BY 1
"""

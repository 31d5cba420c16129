"""What a file would change: the rows it states beside the rows of the registry, and the differences in `import_change`.

    stage ─► stage_<entity>          all current lines of every entity that the file touches
          ─► new_<table>             what they state (the source's own SQL)
          ─► import_change           row by row: create, update, close, delete, with the row before and after

A table of which the source has no row yet is `bulk`: every row of `new_<table>` is a creation, and nothing is
written down for each, since the registry itself says which run created a row.
"""

from collections.abc import Iterator
from dataclasses import replace

from psycopg import sql
from psycopg.types.json import Jsonb

from app.imports.labels import state_labels
from app.imports.sources.description import Mark, Source, Target
from app.imports.touched import gather_lines, touch
from app.imports.workspace import Cursor, count

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


def targets_of(source: Source) -> tuple[Target, ...]:
    """All that a file of this source may write, labels included."""
    return (*source.targets, own_labels(source)) if source.labels else source.targets


def own_labels(source: Source) -> Target:
    """The labels of this source, written beside its targets."""
    return replace(LABELS, constants={"source": source.name})


def compare(cursor: Cursor, source: Source, run: int, *, is_delta: bool) -> frozenset[str]:
    """Make `new_<table>` for every target, and note the differences under `run`. Works in the run's schema.

    Returns the tables that are bulk.
    """
    for setting in FOR_MANY_ROWS:
        cursor.execute(f"SET LOCAL {setting}".encode())
    if is_delta:
        touch(cursor, source)
    for entity in source.entities:
        gather_lines(cursor, source, entity, is_delta=is_delta)
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
    return frozenset(bulk)


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


def same_row(target: Target) -> sql.Composed:
    """That the registry row `t`, one of `own_rows`, has the key of the new row `n`."""
    forms = {True: "coalesce(n.{0}, '') = coalesce(t.{0}, '')", False: "n.{0} = t.{0}"}
    parts = [
        sql.SQL(forms[column in target.nullable]).format(sql.Identifier(column))
        for column in target.key
        if column not in target.constants
    ]
    return sql.SQL(" AND ").join(parts)


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
        matching=same_row(target),
        closes=sql.Literal(closes),
        scope=sql.SQL("({})").format(sql.SQL(target.scope)),
        differs=differs,
    )
    cursor.execute(statement)


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

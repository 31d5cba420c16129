"""A run taken back: every row as it was before, in the caller's transaction, or nothing and the reasons why not.

What a run created is found by `created_run`; what it changed, closed or deleted stands in `import_change` as it
was. A row that somebody else wrote since, or that a later row refers to, holds the whole undo: both are listed.
"""

from collections.abc import Iterator

from psycopg import sql

from app.console import Refused
from app.imports.apply import SHOWN, listed, matching, taken_over
from app.imports.compare import targets_of
from app.imports.sources.description import Source, Target
from app.imports.workspace import Cursor

REFERENCES = """
SELECT c.conrelid::regclass::text,
  (SELECT array_agg(a.attname ORDER BY k.place) FROM unnest(c.conkey) WITH ORDINALITY AS k (number, place)
   JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number),
  (SELECT array_agg(a.attname ORDER BY k.place) FROM unnest(c.confkey) WITH ORDINALITY AS k (number, place)
   JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number),
  EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attname = 'created_run')
-- What goes with its row (a notice to an operator) holds nobody.
FROM pg_constraint c WHERE c.contype = 'f' AND c.confrelid = to_regclass(%s) AND c.confdeltype <> 'c'
"""
PUT_BACK = """
UPDATE {table} t SET {set}
FROM import_change c CROSS JOIN LATERAL jsonb_populate_record(NULL::public.{table}, c.before) r
WHERE c.run = {run} AND c.target = {name} AND c.action IN ('update', 'close') AND {matching}
"""
PUT_IN = """
INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE
SELECT {values} FROM import_change c CROSS JOIN LATERAL jsonb_populate_record(NULL::public.{table}, c.before) r
WHERE c.run = {run} AND c.target = {name} AND c.action = 'delete'
"""
COLUMNS = """
SELECT attname, attidentity <> '' FROM pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY attnum
"""


def take_back(cursor: Cursor, source: Source, run: int) -> None:
    """Undo what run `run` wrote. Raises Refused (import.undo_refused) with the rows that hold it."""
    targets = targets_of(source)
    holding = [
        name for target in targets for name in (*_changed_since(cursor, target, run), *_referred(cursor, target, run))
    ]
    if any(target.table == "mailbox_attachment" for target in targets):
        holding += [f"{name} (mailbox_attachment)" for name in taken_over(cursor, run)]
    if holding:
        raise Refused(
            f"nothing was undone, since these rows were changed or are referred to since: {listed(holding)}. "
            "Undo what came later first, or import a corrected file.",
            "import.undo_refused",
        )
    for target in reversed(targets):
        cursor.execute(
            sql.SQL("DELETE FROM {} WHERE created_run = {}").format(sql.Identifier(target.table), sql.Literal(run))
        )
    for target in targets:
        _restore(cursor, target, run)


def mark_created(cursor: Cursor, source: Source, run: int, run_id: str) -> None:
    """Mark the documents of all that the run created: before they are taken back."""
    for target in targets_of(source):
        for kind, column in (*target.seen_at, *target.freed):
            cursor.execute(
                sql.SQL(
                    "INSERT INTO pending (kind, key, run)"
                    " SELECT DISTINCT {}, {}, {} FROM {} WHERE created_run = {} AND {column} IS NOT NULL"
                ).format(
                    sql.Literal(kind),
                    sql.Identifier(column),
                    sql.Literal(run_id),
                    sql.Identifier(target.table),
                    sql.Literal(run),
                    column=sql.Identifier(column),
                )
            )


def _changed_since(cursor: Cursor, target: Target, run: int) -> Iterator[str]:
    names = {
        "table": sql.Identifier(target.table),
        "run": sql.Literal(run),
        "name": sql.Literal(target.table),
        "entity": sql.Identifier(target.entity.column),
        "kind": sql.Literal(target.entity.kind),
        "matching": matching(target),
        "first": sql.Identifier("t", target.key[0]),
        "limit": sql.Literal(SHOWN + 1),
    }
    created = sql.SQL(
        "SELECT {kind} || ' ' || {entity} FROM {table} WHERE created_run = {run} AND changed_run IS DISTINCT"
        " FROM {run} LIMIT {limit}"
    ).format(**names)
    # What was deleted must be away still, what was written must be as it was written. The key is asked: a row IS NOT
    # NULL only when none of its columns is.
    touched = sql.SQL(
        "SELECT c.entity_kind || ' ' || c.entity_key FROM import_change c LEFT JOIN {table} t ON {matching}"
        " WHERE c.run = {run} AND c.target = {name} AND CASE c.action WHEN 'delete' THEN {first} IS NOT NULL"
        " ELSE t.changed_run IS DISTINCT FROM {run} END LIMIT {limit}"
    ).format(**names)
    for statement in (created, touched):
        for (name,) in cursor.execute(statement).fetchall():
            yield f"{name} ({target.table})"


def _referred(cursor: Cursor, target: Target, run: int) -> Iterator[str]:
    """Rows of others that refer to what the run created."""
    for table, columns, referred, knows_runs in cursor.execute(REFERENCES, [f"public.{target.table}"]).fetchall():
        joined = sql.SQL(" AND ").join(
            sql.SQL("o.{} = t.{}").format(sql.Identifier(column), sql.Identifier(other))
            for column, other in zip(columns, referred, strict=True)
        )
        later = (
            sql.SQL(" AND o.created_run IS DISTINCT FROM {}").format(sql.Literal(run)) if knows_runs else sql.SQL("")
        )
        statement = sql.SQL(
            "SELECT DISTINCT t.{entity} FROM {table} t JOIN {other} o ON {joined}"
            " WHERE t.created_run = {run}{later} LIMIT {limit}"
        ).format(
            entity=sql.Identifier(target.entity.column),
            table=sql.Identifier(target.table),
            other=sql.Identifier(table),
            joined=joined,
            run=sql.Literal(run),
            later=later,
            limit=sql.Literal(SHOWN + 1),
        )
        for (key,) in cursor.execute(statement).fetchall():
            yield f"{target.entity.kind} {key} (referred to by {table})"


def _restore(cursor: Cursor, target: Target, run: int) -> None:
    found = dict(cursor.execute(COLUMNS, [f"public.{target.table}"]).fetchall())
    names = {
        "table": sql.Identifier(target.table),
        "columns": sql.SQL(", ").join(map(sql.Identifier, found)),
        "values": sql.SQL(", ").join(sql.Identifier("r", column) for column in found),
        "run": sql.Literal(run),
        "name": sql.Literal(target.table),
        "matching": matching(target),
        "set": sql.SQL(", ").join(
            sql.SQL("{0} = r.{0}").format(sql.Identifier(column))
            for column, is_number in found.items()
            if not is_number
        ),
    }
    for statement in (PUT_BACK, PUT_IN):
        cursor.execute(sql.SQL(statement).format(**names))

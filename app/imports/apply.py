"""A plan into the registry, exactly as it was made, in the caller's transaction; and the marks of what it changed."""

from collections.abc import Collection, Sequence

from psycopg import sql

from app.console import Refused
from app.imports.bulk_load import without_indexes
from app.imports.compare import targets_of
from app.imports.sources.description import Mark, Source, Target
from app.imports.workspace import Cursor, count

# From so many new rows on, and a third of what the table held, indexes are made anew instead of kept up row by row.
MANY = 50_000
SHOWN = 20
ALL = ("create", "update", "close", "delete")
LEAVING = ("close", "delete")
ROWS = "SELECT count(*) FROM {}"
STALE = sql.SQL(
    "SELECT c.entity_kind || ' ' || c.entity_key FROM import_change c"
    " LEFT JOIN LATERAL (SELECT t.* FROM {table} t WHERE {matching} LIMIT 1 FOR UPDATE) t ON true"
    " WHERE c.run = {run} AND c.target = {name} AND to_jsonb(t) IS DISTINCT FROM c.before ORDER BY 1 LIMIT {limit}"
)
# The holders stand in rows of their own, which a write of the mailbox leaves as they are.
HELD = """
FROM mailbox m WHERE m.address IN (
  SELECT c.entity_key FROM import_change c WHERE c.run = %s AND c.target = 'mailbox_attachment'
  UNION SELECT a.address FROM mailbox_attachment a WHERE a.created_run = %s)
"""
# Until the run ends: whoever takes one over meanwhile waits.
HOLD = f"SELECT count(*) FROM (SELECT {HELD} ORDER BY m.address FOR NO KEY UPDATE) held"  # noqa: S608 - our own text
TAKEN_OVER = f"SELECT m.address {HELD} AND m.source = 'api' ORDER BY m.address LIMIT %s"


def write(cursor: Cursor, source: Source, run: int, bulk: Collection[str]) -> None:
    """Write what the plan `run` says. Works in the run's schema, where the rows of `bulk` tables are.

    Raises Refused (import.outdated): a row that the plan touches is not any more what it was then.
    """
    targets = targets_of(source)
    journaled = [target for target in targets if target.table not in bulk]
    for target in journaled:
        _require_unchanged(cursor, target, run)
    if any(target.table == "mailbox_attachment" for target in journaled) and (names := taken_over(cursor, run)):
        raise Refused(f"an operator wrote since: {listed(names)}. Make the plan again.", "import.outdated")
    fresh = [target for target in targets if target.table in bulk]
    for target in fresh:
        if not target.is_missing:
            _require_absent(cursor, target)
    large = [target.table for target in fresh if _is_large(cursor, target)]
    with without_indexes(cursor, large):
        for table in large:
            _renew(cursor, table)
        for target in targets:
            if target.table in bulk:
                _insert_all(cursor, target, run)
            else:
                _insert(cursor, target, run)
                _update(cursor, target, run)
    for target in reversed(journaled):
        _delete(cursor, target, run)


def mark(cursor: Cursor, source: Source, run: int, run_id: str, bulk: Collection[str] = ()) -> None:
    """Leave in `pending` whose documents may change. Structures first: their people show them.

    Before anything was published, one mark for the whole registry stands for those of a large first load.
    """
    fresh = [target for target in targets_of(source) if target.table in bulk]
    if any(count(cursor, sql.SQL(ROWS).format(sql.Identifier(target.new))) >= MANY for target in fresh) and not count(
        cursor, "SELECT count(*) FROM (SELECT FROM publication LIMIT 1) few"
    ):
        cursor.execute("INSERT INTO pending (kind, key, run) VALUES ('registry', '', %s)", [run_id])
        fresh = []
    for target in fresh:
        _mark_all(cursor, target, run_id)
    cursor.execute(_marks(source, run, run_id))
    cursor.execute("SELECT pg_notify('annuaire_pending', '')")


def mark_rule(cursor: Cursor, source: Source, run_id: str) -> None:
    """The rule that a source puts in force, or takes back, concerns all that its rows could name, and more."""
    cursor.execute("INSERT INTO pending (kind, key, run) VALUES ('source', %s, %s)", [source.name, run_id])


def taken_over(cursor: Cursor, run: int) -> list[str]:
    """Mailboxes of an operator whose holders the run wrote, or would, taken over since. Holds them all till its end."""
    cursor.execute(HOLD, [run, run])
    return [f"mailbox {address}" for (address,) in cursor.execute(TAKEN_OVER, [run, run, SHOWN + 1]).fetchall()]


def listed(rows: Sequence[str]) -> str:
    """The names of at most SHOWN rows, and that there are more."""
    return ", ".join(rows[:SHOWN]) + (", …" if len(rows) > SHOWN else "")


def columns_of(target: Target) -> tuple[str, ...]:
    """The columns of the registry that a source writes."""
    return (*target.columns, *target.constants)


def matching(target: Target) -> sql.Composed:
    """That the registry row `t` is the one that the change `c` speaks of."""
    image = sql.SQL("coalesce(c.after, c.before)")
    parts = []
    for column in target.key:
        form = "coalesce({}, '') = coalesce({} ->> {}, '')" if column in target.nullable else "{} = {} ->> {}"
        parts.append(sql.SQL(form).format(sql.Identifier("t", column), image, sql.Literal(column)))
    return sql.SQL(" AND ").join(parts)


def _require_unchanged(cursor: Cursor, target: Target, run: int) -> None:
    statement = STALE.format(
        table=sql.Identifier(target.table),
        matching=matching(target),
        run=sql.Literal(run),
        name=sql.Literal(target.table),
        limit=sql.Literal(SHOWN + 1),
    )
    if stale := [name for (name,) in cursor.execute(statement).fetchall()]:
        raise Refused(
            f"rows of {target.table} changed since this plan was made: {listed(stale)}. Make the plan again.",
            "import.outdated",
        )


def _require_absent(cursor: Cursor, target: Target) -> None:
    statement = sql.SQL(
        "SELECT {kind} || ' ' || n.{entity} FROM {table} t JOIN {new} n ON {matching} ORDER BY 1 LIMIT {limit}"
    ).format(
        kind=sql.Literal(target.entity.kind),
        entity=sql.Identifier(target.entity.column),
        table=sql.Identifier(target.table),
        new=sql.Identifier(target.new),
        matching=_same_key(target),
        limit=sql.Literal(SHOWN + 1),
    )
    if came := [name for (name,) in cursor.execute(statement).fetchall()]:
        raise Refused(
            f"rows of {target.table} that this plan would create came since: {listed(came)}. Make the plan again.",
            "import.outdated",
        )


def _same_key(target: Target) -> sql.Composed:
    """That the registry row `t` has the key of the new row `n`."""
    parts: list[sql.Composable] = []
    for column in target.key:
        name = sql.Identifier(column)
        if column in target.constants:
            parts.append(sql.SQL("t.{} = {}").format(name, sql.Literal(target.constants[column])))
        elif column in target.nullable:
            parts.append(sql.SQL("coalesce(t.{0}, '') = coalesce(n.{0}, '')").format(name))
        else:
            parts.append(sql.SQL("t.{0} = n.{0}").format(name))
    return sql.SQL(" AND ").join(parts)


def _is_large(cursor: Cursor, target: Target) -> bool:
    rows = count(cursor, sql.SQL(ROWS).format(sql.Identifier(target.new)))
    if rows < MANY:
        return False
    held = count(
        cursor,
        sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT {}) few").format(
            sql.Identifier(target.table), sql.Literal(3 * rows)
        ),
    )
    return held < 3 * rows


def _renew(cursor: Cursor, table: str) -> None:
    """Give an empty table a new file: where nothing is replicated, rows of a file of this transaction need no log."""
    if count(cursor, sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT 1) few").format(sql.Identifier(table))) == 0:
        cursor.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(table)))


def _names(columns: Collection[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _insert_all(cursor: Cursor, target: Target, run: int) -> None:
    values = [sql.Identifier("n", column) for column in target.columns]
    constants = [sql.Literal(value) for value in target.constants.values()]
    # What was missing when the plan was made, another run may have made since.
    lacking = (
        sql.SQL(" WHERE NOT EXISTS (SELECT FROM {} t WHERE {})").format(sql.Identifier(target.table), _same_key(target))
        if target.is_missing
        else sql.SQL("")
    )
    cursor.execute(
        sql.SQL("INSERT INTO {} ({}, created_run, changed_run) SELECT {}, {run}, {run} FROM {} n{lacking}").format(
            sql.Identifier(target.table),
            _names(columns_of(target)),
            sql.SQL(", ").join([*values, *constants]),
            sql.Identifier(target.new),
            run=sql.Literal(run),
            lacking=lacking,
        )
    )


def _changes(target: Target, run: int, actions: str) -> sql.Composed:
    """The changes `c` of one table, and each row `r` as it shall be."""
    return sql.SQL(
        "import_change c CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, coalesce(c.after, c.before)) r"
        " WHERE c.run = {run} AND c.target = {name} AND c.action = ANY({actions})"
    ).format(
        table=sql.Identifier("public", target.table),
        run=sql.Literal(run),
        name=sql.Literal(target.table),
        actions=sql.Literal(actions.split()),
    )


def _insert(cursor: Cursor, target: Target, run: int) -> None:
    columns = columns_of(target)
    cursor.execute(
        sql.SQL("INSERT INTO {} ({}, created_run, changed_run) SELECT {}, {run}, {run} FROM {}").format(
            sql.Identifier(target.table),
            _names(columns),
            sql.SQL(", ").join(sql.Identifier("r", column) for column in columns),
            _changes(target, run, "create"),
            run=sql.Literal(run),
        )
    )


def _update(cursor: Cursor, target: Target, run: int) -> None:
    written = [column for column in (*columns_of(target), *(target.closing or ())) if column not in target.key]
    columns = list(dict.fromkeys(written))
    now = sql.SQL(", {} = now()").format(sql.Identifier(target.stamped)) if target.stamped else sql.SQL("")
    if not columns:
        return
    cursor.execute(
        sql.SQL("UPDATE {} t SET {}, changed_run = {run}{now} FROM {} AND {}").format(
            sql.Identifier(target.table),
            sql.SQL(", ").join(
                sql.SQL("{} = {}").format(sql.Identifier(column), sql.Identifier("r", column)) for column in columns
            ),
            _changes(target, run, "update close"),
            matching(target),
            run=sql.Literal(run),
            now=now,
        )
    )


def _delete(cursor: Cursor, target: Target, run: int) -> None:
    cursor.execute(
        sql.SQL(
            "DELETE FROM {} t USING import_change c WHERE c.run = {} AND c.target = {} AND c.action = 'delete' AND {}"
        ).format(sql.Identifier(target.table), sql.Literal(run), sql.Literal(target.table), matching(target))
    )


def _mark_all(cursor: Cursor, target: Target, run_id: str) -> None:
    for kind, column in target.seen_at:
        cursor.execute(
            sql.SQL(
                "INSERT INTO pending (kind, key, run) SELECT DISTINCT {kind}, n.{column}, {run} FROM {new} n"
                " WHERE NOT EXISTS (SELECT FROM pending p WHERE p.kind = {kind} AND p.key = n.{column}"
                " AND p.run = {run})"
            ).format(
                kind=sql.Literal(kind),
                column=sql.Identifier(column),
                run=sql.Literal(run_id),
                new=sql.Identifier(target.new),
            )
        )


def _marks(source: Source, run: int, run_id: str) -> sql.Composed:
    # A source whose rows no document shows marks nothing.
    parts: list[sql.Composable] = [sql.SQL("SELECT NULL::text AS kind, NULL::text AS key WHERE false")]
    for target in targets_of(source):
        parts += [_marked(target, mark, run) for mark in target.seen_at]
        parts += [_marked(target, mark, run, LEAVING) for mark in target.freed if mark not in target.seen_at]
    return sql.SQL(
        "INSERT INTO pending (kind, key, run) SELECT kind, key, {run} FROM ({parts}) marked"
        " WHERE NOT EXISTS (SELECT FROM pending p WHERE p.run = {run} AND p.kind = marked.kind AND p.key = marked.key)"
        " ORDER BY kind <> 'organization', kind, key"
    ).format(run=sql.Literal(run_id), parts=sql.SQL(" UNION ").join(parts))


def _marked(target: Target, mark: Mark, run: int, actions: Sequence[str] = ALL) -> sql.Composed:
    """The keys that changed rows held, and those that they hold now."""
    return sql.SQL(
        "SELECT {kind} AS kind, image ->> {column} AS key FROM import_change c"
        " CROSS JOIN LATERAL unnest(ARRAY[c.before, c.after]) image"
        " WHERE c.run = {run} AND c.target = {name} AND c.is_seen AND c.action = ANY({actions})"
        " AND image ->> {column} IS NOT NULL"
    ).format(
        kind=sql.Literal(mark.kind),
        column=sql.Literal(mark.column),
        run=sql.Literal(run),
        name=sql.Literal(target.table),
        actions=sql.Literal(list(actions)),
    )

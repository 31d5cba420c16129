"""The lines of the last applied file of a source, so that tomorrow's file is read closely only where it differs.

They are a copy that can be made again: unlogged, and whole only while `import_kept.whole` names the run that they
belong to. A crash of PostgreSQL empties both together, and the next file is compared line for line with the
registry instead.
"""

from psycopg import sql

from app.imports.known import order_of_lines
from app.imports.sources.description import Source
from app.imports.workspace import KEPT, Cursor, exists, kept, lost, order

WHOLE = sql.Identifier(KEPT, "whole")


def kept_run(cursor: Cursor, source: Source) -> int | None:
    """The number of the run whose lines are kept whole, if they are."""
    found = cursor.execute(sql.SQL("SELECT run FROM {} WHERE source = %s").format(WHOLE), [source.name]).fetchone()
    return found[0] if found and exists(cursor, kept(source)) else None


def kept_order(cursor: Cursor, source: Source) -> bytes:
    """The digests of the kept lines in the order of their file (see `known`); after an undo, by their numbers."""
    if exists(cursor, order(source)):
        found = cursor.execute(sql.SQL("SELECT digests FROM {}").format(order(source)), binary=True).fetchone()
        return bytes(found[0]) if found else b""
    return order_of_lines(cursor, kept(source))


def keep_all(cursor: Cursor, source: Source, run: int) -> None:
    """The staged lines of a file read wholly become the kept ones. In the run's schema."""
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}, {}").format(kept(source), lost(source)))
    _keep_order(cursor, source)
    cursor.execute("ALTER TABLE stage SET (autovacuum_enabled = on)")
    cursor.execute(sql.SQL("ALTER TABLE stage ADD COLUMN run integer DEFAULT {}").format(sql.Literal(run)))
    for entity in source.entities:
        cursor.execute(sql.SQL("DROP VIEW {}").format(sql.Identifier(f"stage_{entity.name}")))
    cursor.execute(sql.SQL("ALTER TABLE stage RENAME TO {}").format(sql.Identifier(source.name)))
    cursor.execute(sql.SQL("ALTER TABLE {} SET SCHEMA {}").format(sql.Identifier(source.name), sql.Identifier(KEPT)))
    _belongs_to(cursor, source, run)


def keep_changes(cursor: Cursor, source: Source, run: int) -> None:
    """Lines that came are added, lines that went are set aside for an undo. In the run's schema."""
    columns = _columns(cursor, source)
    names = {"kept": kept(source), "lost": lost(source), "columns": columns, "run": sql.Literal(run)}
    _keep_order(cursor, source)
    cursor.execute(
        sql.SQL(
            "CREATE UNLOGGED TABLE IF NOT EXISTS {lost} AS SELECT {columns}, run, run AS lost_run FROM {kept}"
            " WHERE false"
        ).format(**names)
    )
    cursor.execute(
        sql.SQL(
            "INSERT INTO {lost} ({columns}, run, lost_run)"
            " SELECT {columns}, run, {run} FROM {kept} l JOIN gone_line g ON g.place = l.ctid"
        ).format(**names)
    )
    cursor.execute(sql.SQL("DELETE FROM {kept} l USING gone_line g WHERE g.place = l.ctid").format(**names))
    cursor.execute(sql.SQL("INSERT INTO {kept} ({columns}, run) SELECT {columns}, {run} FROM stage").format(**names))
    _belongs_to(cursor, source, run)


def keep_none(cursor: Cursor, source: Source) -> None:
    """No lines are kept: those of the run before are of no use any more."""
    if kept_run(cursor, source) is not None:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}, {}, {}").format(kept(source), lost(source), order(source)))
        cursor.execute(sql.SQL("DELETE FROM {} WHERE source = %s").format(WHOLE), [source.name])


def put_back(cursor: Cursor, source: Source, run: int, before: int | None, *, is_delta: bool) -> None:
    """After an undo of `run`: the lines are those of the run `before` again, or nobody's."""
    if kept_run(cursor, source) != run:
        return
    if not is_delta or before is None:
        keep_none(cursor, source)
        return
    names = {"kept": kept(source), "lost": lost(source), "columns": _columns(cursor, source), "run": sql.Literal(run)}
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(order(source)))
    cursor.execute(sql.SQL("DELETE FROM {kept} WHERE run = {run}").format(**names))
    cursor.execute(
        sql.SQL("INSERT INTO {kept} ({columns}, run) SELECT {columns}, run FROM {lost} WHERE lost_run = {run}").format(
            **names
        )
    )
    cursor.execute(sql.SQL("DELETE FROM {lost} WHERE lost_run = {run}").format(**names))
    _belongs_to(cursor, source, before)


def index(cursor: Cursor, source: Source) -> None:
    """What a comparison by touched keys looks up. Made after the first load was published: it costs seconds.

    Outside of a transaction.
    """
    if kept_run(cursor, source) is None:
        return
    cursor.execute("SET maintenance_work_mem = '512MB'")
    for column in ("digest", *(f"key_{entity.name}" for entity in source.entities)):
        cursor.execute(
            sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} ({})").format(
                sql.Identifier(f"ix_{source.name}_{column}"), kept(source), sql.Identifier(column)
            )
        )
    cursor.execute("RESET maintenance_work_mem")


def forget(cursor: Cursor, source: Source, runs: list[int]) -> None:
    """Lines that these runs took away are wanted by no undo any more."""
    if exists(cursor, lost(source)):
        cursor.execute(sql.SQL("DELETE FROM {} WHERE lost_run = ANY(%s)").format(lost(source)), [runs])


def _keep_order(cursor: Cursor, source: Source) -> None:
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(order(source)))
    name = f"{source.name}_order"
    cursor.execute(sql.SQL("ALTER TABLE line_order RENAME TO {}").format(sql.Identifier(name)))
    cursor.execute(sql.SQL("ALTER TABLE {} SET SCHEMA {}").format(sql.Identifier(name), sql.Identifier(KEPT)))


def _belongs_to(cursor: Cursor, source: Source, run: int) -> None:
    cursor.execute(
        sql.SQL("INSERT INTO {} VALUES (%s, %s) ON CONFLICT (source) DO UPDATE SET run = excluded.run").format(WHOLE),
        [source.name, run],
    )


def _columns(cursor: Cursor, source: Source) -> sql.Composed:
    """The columns that a line is written into: not those that PostgreSQL computes."""
    found = cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"
        " AND attgenerated = '' AND attname <> 'run' ORDER BY attnum",
        [kept(source).as_string(cursor)],
    ).fetchall()
    return sql.SQL(", ").join(sql.Identifier(name) for (name,) in found)

"""Labels that files print for codes which no code system knows: each full file replaces what its source said before."""

from psycopg import sql

from app.imports.sources.description import Label, Source
from app.imports.workspace import Cursor, kept

# A code is touched when a new line or a lost one prints it; its label is then looked for in all lines that are left.
TOUCHED = sql.SQL("SELECT {code} AS key FROM stage WHERE {code} IS NOT NULL AND NOT {known}")
LOST = sql.SQL(
    "SELECT l.{code} AS key FROM gone_line g JOIN {kept} l ON l.ctid = g.place WHERE l.{code} IS NOT NULL"
    " AND NOT {known}"
)
KNOWN = sql.SQL(
    "EXISTS (SELECT FROM code c JOIN code_binding b ON b.system = c.system WHERE b.value_set = {value_set}"
    " AND c.code = {code})"
)
STATED = sql.SQL(
    'SELECT {value_set} AS value_set, {code} AS code, min({label} COLLATE "C") AS label FROM {lines}'
    " WHERE {wanted} GROUP BY 2"
)


def state_labels(cursor: Cursor, source: Source, *, is_delta: bool) -> None:
    """Make `new_file_label`, and `touched_label` when only some lines are read.

    A label whose column the file lacks is unknown: what the registry holds of it is stated again.
    """
    missing = {field for (field,) in cursor.execute("SELECT field FROM stage_missing").fetchall()}
    present = [label for label in source.labels if not {label.code, label.label} & missing]
    if is_delta:
        touched = [part for label in present for part in _touched(source, label)]
        cursor.execute(
            sql.SQL("CREATE UNLOGGED TABLE touched_label AS {}").format(
                sql.SQL(" UNION ").join(touched) if touched else sql.SQL("SELECT ''::text AS key WHERE false")
            )
        )
    _count_unknown(cursor, present)
    cursor.execute("CREATE UNLOGGED TABLE new_file_label (value_set text, code text, label text)")
    is_any = not is_delta or cursor.execute("SELECT FROM touched_label LIMIT 1").fetchone() is not None
    unknown = {value_set for (value_set,) in cursor.execute("SELECT DISTINCT value_set FROM unknown_code").fetchall()}
    for label in present if is_any else ():
        if not is_delta and label.value_set not in unknown:
            continue
        cursor.execute(sql.SQL("INSERT INTO new_file_label {}").format(_stated(source, label, is_delta=is_delta)))
    absent = [label.value_set for label in source.labels if label not in present]
    cursor.execute(
        "INSERT INTO new_file_label SELECT value_set, code, label FROM file_label WHERE source = %s"
        " AND value_set = ANY(%s)",
        [source.name, absent],
    )


def _count_unknown(cursor: Cursor, labels: list[Label]) -> None:
    """Codes of staged lines that no code system knows, and on how many lines each stands: in `unknown_code`."""
    cursor.execute("CREATE UNLOGGED TABLE unknown_code (value_set text, code text, lines bigint)")
    if not labels:
        return
    codes = sql.SQL(", ").join(sql.Identifier(code) for code in dict.fromkeys(label.code for label in labels))
    # The lines are read once: they hold few combinations of codes. A table, since PostgreSQL reads with several
    # processes for CREATE TABLE AS, never for INSERT.
    cursor.execute(
        sql.SQL("CREATE UNLOGGED TABLE code_row AS SELECT {0}, count(*) AS lines FROM stage GROUP BY {0}").format(codes)
    )
    for label in labels:
        names = {"value_set": sql.Literal(label.value_set), "code": sql.Identifier(label.code)}
        cursor.execute(
            sql.SQL(
                "INSERT INTO unknown_code SELECT {value_set}, x.code, x.lines"
                " FROM (SELECT {code} AS code, sum(lines)::bigint AS lines FROM code_row GROUP BY 1) x"
                " WHERE x.code IS NOT NULL AND NOT {known}"
            ).format(known=_known(label, sql.Identifier("x", "code")), **names)
        )


def _touched(source: Source, label: Label) -> list[sql.Composed]:
    code = sql.Identifier(label.code)
    return [
        TOUCHED.format(code=code, known=_known(label, sql.Identifier("stage", label.code))),
        LOST.format(code=code, kept=kept(source), known=_known(label, sql.Identifier("l", label.code))),
    ]


def _known(label: Label, code: sql.Identifier) -> sql.Composed:
    return KNOWN.format(value_set=sql.Literal(label.value_set), code=code)


def _stated(source: Source, label: Label, *, is_delta: bool) -> sql.Composed:
    code, text = sql.Identifier(label.code), sql.Identifier(label.label)
    names = {"value_set": sql.Literal(label.value_set), "code": code, "label": text}
    if not is_delta:
        # Codes are few and known mostly: only those that no code system knows are looked at line by line.
        wanted = sql.SQL(
            "{label} IS NOT NULL AND {code} IN (SELECT code FROM unknown_code WHERE value_set = {value_set})"
        ).format(label=text, code=code, value_set=sql.Literal(label.value_set))
        return STATED.format(lines=sql.Identifier("stage"), wanted=wanted, **names)
    lines = sql.SQL(
        "(SELECT {code}, {label} FROM stage UNION ALL SELECT l.{code}, l.{label} FROM {kept} l"
        " WHERE NOT EXISTS (SELECT FROM gone_line g WHERE g.place = l.ctid)) lines"
    ).format(code=code, label=text, kept=kept(source))
    wanted = sql.SQL("{label} IS NOT NULL AND {code} IN (SELECT key FROM touched_label) AND NOT {known}").format(
        label=text, code=code, known=_known(label, sql.Identifier("lines", label.code))
    )
    return STATED.format(lines=lines, wanted=wanted, **names)

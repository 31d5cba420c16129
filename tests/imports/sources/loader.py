"""A small stand-in for the import engine: stages the rows of a file in memory and runs the SQL of its source."""

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from app.imports.sources import finess, mssante, personne_activite, savoir_faire
from app.imports.sources.description import Source

SOURCES: dict[str, Source] = {
    module.SOURCE.name: module.SOURCE for module in (personne_activite, savoir_faire, mssante, finess)
}
Row = dict[str, str]


@dataclass(frozen=True)
class Loaded:
    """What one load did: rejected lines as (line, column, code), and the plan counted by action."""

    rejects: list[tuple[int, str, str]]
    plan: dict[str, int]
    marks: set[tuple[str, str]] = field(default_factory=set)

    @property
    def changes(self) -> dict[str, int]:
        return {action: count for action, count in self.plan.items() if action != "same"}


def normalised(label: str) -> str:
    folded = unicodedata.normalize("NFKD", label.replace("\u2019", "'").strip())
    return " ".join("".join(c for c in folded if not unicodedata.combining(c)).lower().split())


def parsed(source: Source, content: bytes) -> tuple[list[str], list[list[str]]]:
    """The fields of a file, in its order (empty for a column we do not take), and its rows."""
    text = content.decode("utf-8-sig")
    if source.name == "finess":
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=";") if row[0] == "structureet"]
        labels: Sequence[str] = finess.FIELD_NAMES
    else:
        labels, *rows = [line.split("|") for line in text.replace("\r\n", "\n").splitlines() if line]
    by_label = {label: column.field for column in source.columns for label in column.labels}
    return [by_label.get(normalised(label), "") for label in labels], rows


def rows_of(source_name: str, content: bytes) -> list[Row]:
    """The rows of a file as dictionaries by field, without the empty ones."""
    fields, rows = parsed(SOURCES[source_name], content)
    return [{name: value for name, value in zip(fields, row, strict=False) if name and value} for row in rows]


def load_file(connection: psycopg.Connection[Any], source_name: str, content: bytes) -> Loaded:
    source = SOURCES[source_name]
    fields, _ = parsed(source, content)
    missing = {column.field for column in source.columns} - set(fields)
    return load(connection, source_name, rows_of(source_name, content), missing=missing)


def load(
    connection: psycopg.Connection[Any], source_name: str, rows: Iterable[Row], *, missing: Iterable[str] = ()
) -> Loaded:
    """Stage, reject, plan and apply these rows in one transaction."""
    source = SOURCES[source_name]
    absent = set(missing)
    with connection.transaction():
        cursor = psycopg.ClientCursor(connection)
        _stage(cursor, source, rows, absent)
        cursor.execute(source.reject)
        rejects = cursor.execute('SELECT line, "column", code FROM import_stage_reject ORDER BY line').fetchall()
        cursor.execute("DELETE FROM stage s USING import_stage_reject r WHERE r.line = s.line")
        cursor.execute(source.plan)
        plan = cursor.execute(
            "SELECT action, count(*) FROM plan WHERE kind = %s GROUP BY action", [source.counted_kind]
        )
        counted = dict(plan.fetchall())
        run = f"test-{source_name}"
        cursor.execute(source.apply, {"run": run})
        marks = set(cursor.execute("SELECT kind, key FROM pending WHERE run = %s", [run]).fetchall())
        twice = cursor.execute("SELECT kind, key FROM pending WHERE run = %s GROUP BY 1, 2 HAVING count(*) > 1", [run])
        assert twice.fetchall() == []
        _keep_labels(cursor, source, absent)
        cursor.execute("UPDATE pending SET run = NULL WHERE run = %s", [run])
        cursor.execute("UPDATE source SET loaded = true WHERE name = %s", [source_name])
    return Loaded([tuple(row) for row in rejects], counted, marks)


def _stage(cursor: psycopg.ClientCursor[Any], source: Source, rows: Iterable[Row], missing: set[str]) -> None:
    names = [column.field for column in source.columns]
    columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in names)
    cursor.execute(sql.SQL("CREATE TEMP TABLE stage (line integer, {}) ON COMMIT DROP").format(columns))
    cursor.execute("CREATE TEMP TABLE stage_missing (field text) ON COMMIT DROP")
    cursor.execute(
        'CREATE TEMP TABLE import_stage_reject (line integer, "column" text, code text, detail text) ON COMMIT DROP'
    )
    cursor.execute("CREATE TEMP TABLE plan (kind text, key text, action text) ON COMMIT DROP")
    cursor.executemany("INSERT INTO stage_missing VALUES (%s)", [(name,) for name in sorted(missing)])
    with cursor.copy("COPY stage FROM STDIN") as copy:
        for line, row in enumerate(rows, start=2):
            copy.write_row([line, *(None if name in missing else row.get(name) or None for name in names)])


def _keep_labels(cursor: psycopg.ClientCursor[Any], source: Source, missing: set[str]) -> None:
    cursor.execute("DELETE FROM file_label WHERE source = %s", [source.name])
    for label in source.labels:
        if not {label.code, label.label} & missing:
            cursor.execute(
                sql.SQL(
                    "INSERT INTO file_label (value_set, code, source, label)"
                    " SELECT %s, s.{code}, %s, min(s.{label}) FROM stage s"
                    " WHERE s.{code} IS NOT NULL AND s.{label} IS NOT NULL"
                    " AND NOT EXISTS (SELECT FROM code c JOIN code_binding b ON b.system = c.system"
                    "                 WHERE b.value_set = %s AND c.code = s.{code}) GROUP BY s.{code}"
                ).format(code=sql.Identifier(label.code), label=sql.Identifier(label.label)),
                [label.value_set, source.name, label.value_set],
            )


CLEARED = (
    "practitioner, practice, skill, practitioner_role, organization, organization_record, mailbox, mailbox_attachment,"
    " pending, change, publication, alias, withdrawn, practitioner_search, organization_search, mailbox_search"
)


def clear(connection: psycopg.Connection[Any]) -> None:
    """Empty again: cheaper than a database for each test or example."""
    connection.execute("DELETE FROM file_label")  # its trigger takes the labels back
    connection.execute(f"TRUNCATE {CLEARED}")
    connection.execute("UPDATE directory SET edition = 0")
    connection.execute("UPDATE source SET loaded = false")


def published(connection: psycopg.Connection[Any]) -> dict[tuple[str, str], bytes]:
    """Drain every mark, then the fingerprint of every document: equal means the same directory."""
    while True:
        row = connection.execute("SELECT taken FROM drain(1000)").fetchone()
        if row is not None and row[0] == 0:
            break
    return {
        (kind, key): bytes(fingerprint)
        for kind, key, fingerprint in connection.execute("SELECT kind, key, fingerprint FROM publication")
    }


REGISTRY = {
    "practitioner": "national_id, rpps, civility, register_state, warnings",
    "practice": "practitioner, profession, category, title, family, given",
    "skill": "practitioner, profession, category, skill_type, skill, source",
    "practitioner_role": (
        "id, practitioner, profession, category, organization, mode, sector, pharmacist_section, role, kind, authority,"
        " phone, phone_2, fax, email"
    ),
    "organization_record": "*",
    "mailbox": "address, domain, type, service, dematerialization, state, source, warnings",
    "mailbox_attachment": (
        "address, practitioner, organization, title, family, given, category, profession, skill, organization_name,"
        " trade_name, recipient, building, number, repetition, street_type, street, distribution, line6, postal_code,"
        " city, department, country"
    ),
}


def registry(connection: psycopg.Connection[Any]) -> dict[str, Counter[tuple[Any, ...]]]:
    """The content of the registry, without anchors of structures, surrogate ids and clocks."""
    return {
        table: Counter(
            tuple(tuple(value) if isinstance(value, list) else value for value in row)
            for row in connection.execute(sql.SQL("SELECT {} FROM {}").format(sql.SQL(columns), sql.Identifier(table)))
        )
        for table, columns in REGISTRY.items()
    }

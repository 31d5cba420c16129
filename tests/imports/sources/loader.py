"""Rows and files through the stages of the import engine, source by source, without files, guards and records."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from app.imports.header import read_header
from app.imports.labels import keep_labels
from app.imports.layouts import QUOTE, FinessLayout, TableLayout
from app.imports.reading import Layout, Read, Reading, missing_fields
from app.imports.sources import finess, mssante, personne_activite, savoir_faire
from app.imports.sources.description import Source
from app.imports.stage import settle_rejects, stage

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


@dataclass(frozen=True)
class RowsLayout:
    """Rows that a test made, by field, numbered from line 2; columns at fault keep our names."""

    source: Source
    fields: tuple[str, ...]
    rows: tuple[Row, ...]
    labels: dict[str, str] = field(default_factory=dict)
    stamp: str | None = None

    def copy_text(self, read: Read, reading: Reading) -> Iterator[bytes]:
        """COPY text of the rows; `read` is not asked."""
        del read
        for line, row in enumerate(self.rows, start=2):
            reading.read += 1
            values = [row.get(name, "").encode() for name in self.fields]
            cells = [QUOTE + value + QUOTE if value else b"" for value in values]
            yield b"|".join([b"%d" % line, *cells]) + b"\n"


def layout_of(source_name: str, content: bytes) -> Layout:
    """How this file of that source is laid out."""
    if source_name == "finess":
        return FinessLayout(None)
    return TableLayout(read_header(content.decode("utf-8-sig").splitlines()[0], [SOURCES[source_name]]))


def rows_of(source_name: str, content: bytes) -> list[Row]:
    """The rows of a file as dictionaries by field, without the empty ones."""
    layout = layout_of(source_name, content)
    with closing(Reading()) as reading:
        text = b"".join(layout.copy_text(io.BytesIO(content).read, reading)).decode()
    return [
        {name: value for name, value in zip(layout.fields, cells, strict=True) if value and not name.startswith("#")}
        for _, *cells in csv.reader(io.StringIO(text, newline=""), delimiter="|", quotechar=QUOTE.decode())
    ]


def load_file(connection: psycopg.Connection[Any], source_name: str, content: bytes) -> Loaded:
    return load_layout(connection, layout_of(source_name, content), content)


def load(
    connection: psycopg.Connection[Any], source_name: str, rows: Iterable[Row], *, missing: Iterable[str] = ()
) -> Loaded:
    """The same for rows of a file without the columns `missing`."""
    source, absent = SOURCES[source_name], set(missing)
    fields = tuple(column.field for column in source.columns if column.field not in absent)
    return load_layout(connection, RowsLayout(source, fields, tuple(rows)))


def load_layout(connection: psycopg.Connection[Any], layout: Layout, content: bytes = b"") -> Loaded:
    """Stage, reject, plan and apply in one transaction."""
    source = layout.source
    with connection.transaction(), closing(Reading()) as reading:
        with connection.cursor() as staging:
            stage(staging, layout, layout.copy_text(io.BytesIO(content).read, reading))
            settle_rejects(staging, layout, reading)
        cursor = psycopg.ClientCursor(connection)
        rejects = cursor.execute('SELECT line, "column", code FROM import_stage_reject ORDER BY line').fetchall()
        cursor.execute("CREATE TEMP TABLE plan (kind text, key text, action text) ON COMMIT DROP")
        cursor.execute(source.plan)
        plan = cursor.execute(
            "SELECT action, count(*) FROM plan WHERE kind = %s GROUP BY action", [source.counted_kind]
        )
        counted = dict(plan.fetchall())
        run = f"test-{source.name}"
        cursor.execute(source.apply, {"run": run})
        marks = set(cursor.execute("SELECT kind, key FROM pending WHERE run = %s", [run]).fetchall())
        twice = cursor.execute("SELECT kind, key FROM pending WHERE run = %s GROUP BY 1, 2 HAVING count(*) > 1", [run])
        assert twice.fetchall() == []
        keep_labels(cursor, source, missing_fields(layout))
        cursor.execute("UPDATE pending SET run = NULL WHERE run = %s", [run])
        cursor.execute("UPDATE source SET loaded = true WHERE name = %s", [source.name])
    return Loaded([tuple(row) for row in rejects], counted, marks)


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

"""Rows and files through the import engine, source by source: planned, every guard accepted, applied."""

import csv
import hashlib
import io
import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from app.imports import runs
from app.imports.execute import apply_plan
from app.imports.guards import NAMES
from app.imports.header import read_header
from app.imports.inputs import Input
from app.imports.layouts import FinessLayout, TableLayout
from app.imports.options import Options
from app.imports.planning import plan_input
from app.imports.reading import QUOTE, Layout, Reading
from app.imports.receive import Text
from app.imports.report import Report
from app.imports.sources import finess, mssante, personne_activite, savoir_faire
from app.imports.sources.description import Source
from app.settings import Settings

SOURCES: dict[str, Source] = {
    module.SOURCE.name: module.SOURCE for module in (personne_activite, savoir_faire, mssante, finess)
}
Row = dict[str, str]


@dataclass(frozen=True)
class Loaded:
    """What one load did: rejected lines as (line, column, code), and what the report counts, without zeros."""

    rejects: list[tuple[int, str | None, str]]
    plan: dict[str, int]
    marks: set[tuple[str, str]] = field(default_factory=set)
    mode: str | None = None

    @property
    def changes(self) -> dict[str, int]:
        return {action: count for action, count in self.plan.items() if action != "same"}


def layout_of(source_name: str, content: bytes) -> Layout:
    """How this file of that source is laid out."""
    if source_name == "finess":
        return FinessLayout(None)
    return TableLayout(read_header(content.splitlines()[0].decode("utf-8-sig"), [SOURCES[source_name]]))


def rows_of(source_name: str, content: bytes) -> list[Row]:
    """The rows of a file as dictionaries by field, without the empty ones."""
    layout = layout_of(source_name, content)
    with closing(Reading()) as reading:
        text = b"".join(layout.copy_text(io.BytesIO(content).read, reading)).decode()
    return [
        {name: value for name, value in zip(layout.fields, cells, strict=True) if value and not name.startswith("#")}
        for _, _, *cells in csv.reader(io.StringIO(text, newline=""), delimiter="|", quotechar=QUOTE.decode())
    ]


def file_of(source_name: str, rows: Iterable[Row], missing: Iterable[str] = ()) -> bytes:
    """A file of these rows, without the columns `missing`."""
    if source_name == "finess":
        return _finess_file(rows)
    columns = [column for column in SOURCES[source_name].columns if column.field not in set(missing)]
    lines = ["|".join(row.get(column.field, "") for column in columns) for row in rows]
    return "\n".join(["|".join(column.labels[0] for column in columns), *lines, ""]).encode()


def _finess_file(rows: Iterable[Row]) -> bytes:
    labels = {column.labels[0]: column.field for column in finess.COLUMNS}
    out = io.StringIO()
    out.write("finess;etalab;111;2026-05-12\n")
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    for row in rows:
        writer.writerow(["structureet", *(row.get(labels.get(name, ""), "") for name in finess.FIELD_NAMES[1:])])
    return out.getvalue().encode()


def load_file(connection: psycopg.Connection[Any], source_name: str, content: bytes) -> Loaded:
    """Plan and apply this file."""
    layout = layout_of(source_name, content)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{source_name}.txt"
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        options = Options(Path(folder), frozenset(NAMES))
        given = Input(path, path.name, digest, Text(path, digest), layout)
        planned = plan_input(connection, options, given, runs.new_run(source_name))
        assert planned.state in {"planned", "refused"}, planned.guards
        report = apply_plan(connection, Settings(_env_file=None), planned.run, options)
    return _loaded(connection, report, {label: name for name, label in layout.labels.items()})


def load(
    connection: psycopg.Connection[Any], source_name: str, rows: Iterable[Row], *, missing: Iterable[str] = ()
) -> Loaded:
    """The same for rows of a file without the columns `missing`. Rejects name our fields."""
    return load_file(connection, source_name, file_of(source_name, rows, missing))


def _loaded(connection: psycopg.Connection[Any], report: Report, fields: dict[str, str]) -> Loaded:
    rejects = connection.execute(
        'SELECT line, "column", code FROM import_reject WHERE run = %s ORDER BY line', [report.run]
    ).fetchall()
    marks = connection.execute("SELECT kind, key FROM pending WHERE run = %s", [report.run]).fetchall()
    assert len(marks) == len(set(marks))
    return Loaded(
        [(line, fields.get(column, column), code) for line, column, code in rejects],
        {action: count for action, count in report.diff.items() if count},
        set(marks),
        report.mode,
    )


CLEARED = (
    "practitioner, practice, skill, qualification, practitioner_role, organization, organization_record, mailbox,"
    " mailbox_attachment, pending, change, publication, alias, withdrawn, practitioner_search, organization_search,"
    " mailbox_search, import_change, import_reject"
)
FORGOTTEN = """
UPDATE source SET loaded = false, run = NULL, stamp = NULL, layout = NULL, encoding = NULL, lines = NULL
"""


def clear(connection: psycopg.Connection[Any]) -> None:
    """Empty again: cheaper than a database for each test or example."""
    connection.execute("DELETE FROM file_label")  # its trigger takes the labels back
    connection.execute(FORGOTTEN)
    connection.execute(f"TRUNCATE {CLEARED}")
    connection.execute("DELETE FROM import_run")
    connection.execute("DELETE FROM import_kept.whole")
    connection.execute("UPDATE directory SET edition = 0")
    for (name,) in connection.execute(
        "SELECT relname FROM pg_class"
        " WHERE relkind = 'r' AND relnamespace = 'import_kept'::regnamespace AND relname <> 'whole'"
    ):
        connection.execute(sql.SQL("DROP TABLE IF EXISTS import_kept.{}").format(sql.Identifier(name)))


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
    "organization_record": (
        "organization, source, kind, finess, siret, siren, parent, national_ids, technical_ids, name, long_name,"
        " trade_name, type, sector, opened, recipient, building, number, repetition, street_type, street, distribution,"
        " line6, commune, postal_code, city, department, country, warnings"
    ),
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

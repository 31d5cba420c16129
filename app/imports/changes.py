"""What a run would change or changed, field by field: in pages for people, whole as a CSV file."""

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from app.console import Refused
from app.imports.compare import targets_of
from app.imports.report import Report
from app.imports.sources.catalogue import source_named
from app.imports.sources.description import Target
from app.imports.workspace import Workspace

Connection = psycopg.Connection[Any]
HIDDEN = frozenset({"created_run", "changed_run", "created_at", "updated_at"})
COLUMNS = ("kind", "key", "table", "action", "reason", "field", "before", "after")
PORTION = 1_000
# Spreadsheets run cells that begin so (reliability.md §6.6).
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Change(NamedTuple):
    """One registry row: the entity it belongs to, what becomes of it and why, and its fields before and after."""

    cursor: str
    kind: str
    key: str
    table: str
    action: str
    reason: str
    fields: dict[str, list[Any]]

    def as_json(self) -> dict[str, Any]:
        return {key: value for key, value in self._asdict().items() if key != "cursor"}


def page(connection: Connection, report: Report, after: str | None, limit: int) -> dict[str, Any]:
    """At most `limit` changes after the cursor `after`, and the cursor of the next page, or null at the end."""
    found: list[Change] = []
    for change in every(connection, report, after):
        if len(found) == limit:
            return {"items": [each.as_json() for each in found], "next": found[-1].cursor}
        found.append(change)
    return {"items": [each.as_json() for each in found], "next": None}


def every(connection: Connection, report: Report, after: str | None = None) -> Iterator[Change]:
    """The changes one after the other: those of rows that were there, then creations of first loads, table by table.

    Raises Refused: no cursor of this list.
    """
    source = source_named(report.source) if report.number and report.mode else None
    if source is None:
        return
    table, _, place = (after or "change:0").partition(":")
    bulk = [target for target in targets_of(source) if target.table in _bulk(connection, report)]
    tables = ["change", *(target.table for target in bulk)]
    if table not in tables or (table == "change" and not place.isdigit()):
        raise Refused(f"{after!r} is no place in the changes of this run", "cursor.invalid")
    if table == "change":
        yield from _noted(connection, report, int(place))
    for target in bulk[max(0, tables.index(table) - 1) :]:
        yield from _created(connection, report, target, place if target.table == table else "")


def export(connection: Connection, report: Report, path: Path) -> int:
    """All changes as CSV, one line for each field. Returns the number of lines. Raises OSError."""
    path.touch(0o600)
    lines = -1  # without the header
    with path.open("w", encoding="utf-8", newline="") as file:
        for line in csv_lines(connection, report):
            file.write(line)
            lines += 1
    return lines


def csv_lines(connection: Connection, report: Report) -> Iterator[str]:
    """All changes as lines of CSV, a header first, then one line for each field."""
    yield _csv_line(COLUMNS)
    for change in every(connection, report):
        for field, (before, now) in change.fields.items() or [("", (None, None))]:
            yield _csv_line((change.kind, change.key, change.table, change.action, change.reason, field, before, now))


def _csv_line(cells: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=";").writerow(map(safe_cell, cells))
    return out.getvalue()


def readable(page: dict[str, Any]) -> str:
    """A page of changes as lines for people."""
    lines = []
    for item in page["items"]:
        lines.append(f"  {item['action']:<7} {item['kind']} {item['key']}  ({item['table']}: {item['reason']})")
        if item["action"] in {"update", "close"}:
            lines += [f"            {field}: {before!r} -> {now!r}" for field, (before, now) in item["fields"].items()]
    if page["next"]:
        lines.append(f"  … more: --after {page['next']}")
    return "\n".join(lines) or "  no change"


def _bulk(connection: Connection, report: Report) -> set[str]:
    row = connection.execute("SELECT bulk FROM import_run WHERE id = %s", [report.run]).fetchone()
    return set(row[0]) if row else set()


def _noted(connection: Connection, report: Report, place: int) -> Iterator[Change]:
    while True:
        rows = connection.execute(
            "SELECT id, entity_kind, entity_key, target, action, reason, before, after FROM import_change"
            " WHERE run = %s AND id > %s ORDER BY id LIMIT %s",
            [report.number, place, PORTION],
        ).fetchall()
        for number, kind, key, table, action, reason, before, now in rows:
            yield Change(f"change:{number}", kind, key, table, action, reason, differences(before, now))
        if len(rows) < PORTION:
            return
        place = rows[-1][0]


def _created(connection: Connection, report: Report, target: Target, place: str) -> Iterator[Change]:
    """Rows that a first load creates: in the run's schema while it is planned, in the registry once applied."""
    is_planned = report.state in {"planned", "refused"}
    table = (
        sql.SQL("{}.{}").format(Workspace(report.number).schema, sql.Identifier(target.new))
        if is_planned
        else sql.Identifier(target.table)
    )
    own = sql.SQL("true") if is_planned else sql.SQL("t.created_run = {}").format(sql.Literal(report.number))
    entity = sql.Identifier("t", target.entity.column)
    key = sql.SQL("to_jsonb(t) #>> {}").format(sql.Literal([target.key[0]]))
    order = sql.SQL("concat_ws(chr(31), {})").format(
        sql.SQL(", ").join(sql.Identifier("t", column) for column in target.key if column not in target.constants)
    )
    statement = sql.SQL(
        "SELECT {order}, {entity}, {key}, to_jsonb(t) FROM {table} t WHERE {own} AND {order} > %s ORDER BY 1 LIMIT %s"
    ).format(order=order, entity=entity, key=key, table=table, own=own)
    while True:
        rows = connection.execute(statement, [place, PORTION]).fetchall()
        for found, entity_key, _, now in rows:
            fields = differences(None, {name: value for name, value in now.items() if name in {*target.columns}})
            yield Change(
                f"{target.table}:{found}", target.entity.kind, entity_key, target.table, "create", "new", fields
            )
        if len(rows) < PORTION:
            return
        place = rows[-1][0]


def differences(before: dict[str, Any] | None, now: dict[str, Any] | None) -> dict[str, list[Any]]:
    """{field: [before, after]} of the fields that differ, null where a row is not there."""
    old, new = before or {}, now if now is not None else {}
    names = new.keys() if now is not None else old.keys()
    return {
        name: [old.get(name), new.get(name)]
        for name in sorted(names)
        if name not in HIDDEN and old.get(name) != new.get(name)
    }


def safe_cell(value: object) -> str:
    """A cell of CSV that no spreadsheet runs."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text

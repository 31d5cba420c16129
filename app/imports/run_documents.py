"""Runs as REST shows them: the engine's report, and what the worker is asked to do with each."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import dict_row
from psycopg.sql import SQL
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.imports import runs
from app.imports.problems import RunUnknown
from app.imports.rejects import file_of
from app.imports.report import Report, from_record
from app.imports.spool import Spool
from app.paging import COUNTED, Position
from app.publication.listing import Found
from app.publication.reading import Pool

COLUMNS = f"{runs.RUN_COLUMNS}, wish, wish_guards, wish_by"
ONE = SQL(f"SELECT {COLUMNS} FROM import_run WHERE id = %s")  # noqa: S608 - our own names
PAGE = SQL(f"SELECT {COLUMNS} FROM import_run WHERE number < %s ORDER BY number DESC LIMIT %s")  # noqa: S608
TEXTS = "SELECT id FROM import_run WHERE id = %(run)s OR starts_with(id, %(run)s || '.') ORDER BY number"
COUNT = "SELECT edition, (SELECT count(*) FROM (SELECT FROM import_run LIMIT %s) n) FROM directory"
# Later than every run.
NEWEST = 2_147_483_647
MEASURED = frozenset({"done", "total", "share", "rows_per_second"})


async def one(pool: Pool, spool: Spool, run: str) -> tuple[int, dict[str, Any]]:
    """The edition, and one run with the runs of all texts of its upload. Raises RunUnknown."""
    async with pool.connection() as connection:
        record = await (await connection.cursor(row_factory=dict_row).execute(ONE, [run])).fetchone()
        if record is None:
            raise RunUnknown("See GET /v1/imports for the runs that there are.")
        texts = await (await connection.execute(TEXTS, {"run": run.partition(".")[0]})).fetchall()
        counted = await (await connection.execute(COUNT, [0])).fetchone()
    return counted[0] if counted else 0, {**document(record, spool), "runs": [name for (name,) in texts]}


async def asked(session: AsyncSession, spool: Spool, run: str) -> dict[str, Any]:
    """A run as it stands in this transaction, which has just asked something of it."""
    statement = f"SELECT {COLUMNS} FROM import_run WHERE id = :run"  # noqa: S608 - our own names
    record = (await session.execute(text(statement), {"run": run})).mappings().one()
    return {**document(record, spool), "runs": [run]}


async def page(pool: Pool, spool: Spool, after: Position | None, limit: int) -> Found:
    """At most `limit` + 1 runs after a position, newest first."""
    async with pool.connection() as connection:
        counted = await (await connection.execute(COUNT, [COUNTED + 1])).fetchone()
        cursor = connection.cursor(row_factory=dict_row)
        records = await (await cursor.execute(PAGE, [*(after or [NEWEST]), limit + 1])).fetchall()
    if counted is None:
        raise LookupError("the table directory is empty: run `annuaire db upgrade`")
    rows = [(as_text(document(record, spool)), None, record["number"]) for record in records]
    return Found(counted[0], counted[1], rows)


def document(record: Mapping[str, Any] | RowMapping, spool: Spool) -> dict[str, Any]:
    """A run by its record: state waiting or running as long as the worker has something to do with it."""
    own = dict(record)
    wish, guards, by = (own.pop(name) for name in ("wish", "wish_guards", "wish_by"))
    noted = own["progress"] or {}
    report = from_record(own)
    shown = report.as_json()
    shown["edition"].setdefault("undone", None)
    shown |= {
        "state": _state(report, wish, own["effective_at"]),
        "phase": report.phase if wish else None,
        "progress": {name: noted[name] for name in MEASURED} if wish and noted.keys() >= MEASURED else None,
        "wish": {"do": wish, "by": by, "accept_guards": guards} if wish else None,
        "refusal": None if wish else noted.get("refusal"),
        "rejects": f"/v1/imports/{report.run}/rejects" if file_of(report.run, spool.rejects) else None,
    }
    return shown


def as_text(shown: Mapping[str, Any]) -> str:
    """The JSON text of a run, instants in UTC."""
    return json.dumps(shown, ensure_ascii=False, default=_instant, separators=(",", ":"))


def _state(report: Report, wish: str | None, effective_at: datetime | None) -> str:
    if wish is None or (effective_at and effective_at > datetime.now(UTC)):
        return report.state
    return "waiting" if report.phase is None else "running"


def _instant(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"{value!r} has no form in JSON")
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

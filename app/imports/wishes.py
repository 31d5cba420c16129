"""What REST asks of the worker: one wish for a run, checked as far as a request can, kept in the run's own record.

    POST /v1/imports ─► waiting ─┐
    POST …/apply  ─► wish apply ─┼─► the worker (queue) ─► planned, applied, undone; or refused, failed, with why
    POST …/undo   ─► wish undo  ─┘

The engine judges again, under its locks, when it comes to it: what is found here is found early.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.console import Refused
from app.imports import runs
from app.imports.execute import require_accepted, require_undoable
from app.imports.guards import NAMES, accept
from app.imports.problems import NotPlanned, Outdated, QueueFull, RunInProgress, RunUnknown, problem_of
from app.imports.report import UNKNOWN_SOURCE, Report, from_record
from app.imports.spool import Upload
from app.problems import InvalidRequest
from app.publication.reading import Pool
from app.settings import Settings

MOST_WAITING = 20
CHANNEL = "annuaire_imports"
WAITING = "SELECT count(*) FROM import_run WHERE wish IS NOT NULL AND coalesce(effective_at <= now(), true)"
BASIS = """
SELECT i.wish, i.effective_at, i.staged, i.base ->> 'run' AS base, s.run AS last
FROM import_run i LEFT JOIN source s ON s.name = i.source WHERE i.id = :run
"""
CREATE = """
INSERT INTO import_run (id, source, file_name, file_sha256, state, edition_before, planned_by, spool, wish, wish_guards,
  wish_by, progress)
VALUES (:run, :source, :file, :sha256, 'waiting', (SELECT edition FROM directory), :by, :spool, :wish, :guards, :by,
  jsonb_build_object('asked_at', clock_timestamp()))
"""
WISH = """
UPDATE import_run SET wish = :wish, wish_guards = :guards, wish_by = :by, phase = NULL,
  progress = jsonb_build_object('asked_at', clock_timestamp())
WHERE id = :run AND wish IS NULL RETURNING id
"""


@dataclass(frozen=True)
class Admin:
    """The key that asks, and the guards it accepts by name."""

    by: str
    accepted: frozenset[str] = frozenset()
    is_known_key: bool = True


async def require_room_early(pool: Pool) -> None:
    """Raises QueueFull, before a file is received for nothing."""
    async with pool.connection() as connection:
        row = await (await connection.execute(WAITING)).fetchone()
    _require_room(row[0] if row else 0)


async def plan(session: AsyncSession, upload: Upload, admin: Admin, *, is_applied: bool) -> None:
    """Record an upload as a run that waits for the worker: to be planned, or also applied."""
    _require_room((await session.execute(text(WAITING))).scalar_one())
    given = {"run": upload.run, "source": UNKNOWN_SOURCE, "file": upload.name, "sha256": upload.sha256}
    wish = _wish("apply" if is_applied else "plan", admin)
    await session.execute(text(CREATE), given | wish | {"spool": upload.spooled})
    await _tell(session)


async def apply(session: AsyncSession, settings: Settings, run: str, admin: Admin) -> None:
    """Have a plan applied. Raises the Problem that stands in its way."""
    report, basis = await _found(session, run)
    if report.state not in {"planned", "refused"} or (basis["staged"] is None and report.mode != "same"):
        raise NotPlanned(f"This run is {report.state}: only a plan can be applied.")
    # Why it was not applied at an earlier try is no guard of the plan.
    own = [guard for guard in report.guards if guard.name in NAMES]
    report.guards = accept(own, admin.accepted, admin.by, datetime.now(UTC).isoformat())
    try:
        require_accepted(settings, report, admin)
    except Refused as refused:
        raise problem_of(refused) from refused
    if basis["base"] != basis["last"]:
        raise Outdated(f"Since this plan was made, {basis['last'] or 'an undo'} changed {report.source}.")
    await _ask(session, run, _wish("apply", admin))


async def undo(session: AsyncSession, settings: Settings, run: str, admin: Admin) -> None:
    """Have an applied run undone. Raises the Problem that stands in its way."""
    report, basis = await _found(session, run)
    try:
        require_undoable(settings, report, basis["last"])
    except Refused as refused:
        raise problem_of(refused) from refused
    await _ask(session, run, _wish("undo", admin))


async def _found(session: AsyncSession, run: str) -> tuple[Report, Mapping[str, Any]]:
    given = {"run": run}
    record = (await session.execute(text(f"{runs.RUN} WHERE id = :run"), given)).mappings().one_or_none()
    if record is None:
        raise RunUnknown("See GET /v1/imports for the runs that there are.")
    basis = (await session.execute(text(BASIS), given)).mappings().one()
    if basis["wish"] is not None:
        hour = f" at {basis['effective_at']:%Y-%m-%d %H:%M %Z}" if basis["effective_at"] else ""
        raise RunInProgress(f"The worker is asked to {basis['wish']} it{hour}. Look at the run until that is done.")
    return from_record({**record}), {**basis}


async def _ask(session: AsyncSession, run: str, wish: Mapping[str, Any]) -> None:
    _require_room((await session.execute(text(WAITING))).scalar_one())
    if (await session.execute(text(WISH), {"run": run, **wish})).one_or_none() is None:
        raise RunInProgress("Something was asked of this run a moment ago. Look at the run until that is done.")
    await _tell(session)


def _require_room(waiting: int) -> None:
    """Raises QueueFull. Requests that come together may exceed the limit by their number."""
    if waiting >= MOST_WAITING:
        raise QueueFull(f"{waiting} imports wait already. Ask again when some of them are done: GET /v1/imports.")


async def _tell(session: AsyncSession) -> None:
    await session.execute(text(f"NOTIFY {CHANNEL}"))


def _wish(wish: str, admin: Admin) -> dict[str, Any]:
    return {"wish": wish, "guards": sorted(admin.accepted), "by": admin.by}


def admin_of(by: str | None, accepted: list[str]) -> Admin:
    """The admin who asks. Raises InvalidRequest: there is no such guard."""
    if unknown := sorted(set(accepted) - set(NAMES)):
        faults = [{"pointer": "/query/accept_guard", "code": "unknown", "detail": name} for name in unknown]
        raise InvalidRequest(f"There is no guard {', '.join(unknown)}: there are {', '.join(NAMES)}.", errors=faults)
    return Admin(by or "", frozenset(accepted))

"""What a run would change or changed, over REST: pages as JSON, everything as a stream of CSV.

The reading is the engine's own and synchronous, so it runs in a thread, on a connection of its own.
"""

import json
from collections.abc import AsyncIterator, Generator
from itertools import islice
from typing import Any

import psycopg
from anyio import CancelScope, CapacityLimiter
from anyio.to_thread import run_sync
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.answers import body_tag, tagged
from app.console import Refused
from app.db import connect
from app.imports import changes, runs
from app.imports.problems import PlanLost, problem_of
from app.paging import COUNTED, ListQuery, next_link
from app.publication.listing import opened
from app.settings import Settings

# Exports that one API process makes at a time: each holds a connection to the database.
MOST_EXPORTS = 2
LINES = 500
COUNT = """
SELECT d.edition, (SELECT count(*) FROM (SELECT FROM import_change WHERE run = r.number LIMIT %s) n), r.bulk <> '{}'
FROM import_run r CROSS JOIN directory d WHERE r.id = %s
"""


async def page(request: Request, run: str, query: ListQuery) -> Response:
    """A page of changes. Raises RunUnknown, PlanLost, CursorInvalid, InvalidRequest."""
    position = opened(request, query)
    after = str(position[0]) if position else None
    found, edition, total = await run_sync(_page, request.app.state.settings, run, after, query.limit)
    binding = request.url.path + "?" + query.filters()
    following = request.app.state.cursors.seal(binding, [found["next"]]) if found["next"] else None
    shown = {"items": found["items"], "next": following, "total": total, "edition": edition}
    body = json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()
    return tagged(request, body, body_tag(body), edition, next_link(request, following))


def _page(settings: Settings, run: str, after: str | None, limit: int) -> tuple[dict[str, Any], int, dict[str, Any]]:
    """(page, edition, total). Rows of tables in which all is new are not counted: they may be millions."""
    with connect(settings) as connection:
        try:
            report = runs.find(connection, run)
            found = changes.page(connection, report, after, limit)
        except Refused as refused:
            raise problem_of(refused) from refused
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as gone:
            raise PlanLost("The rows of this plan are not kept any more. Plan the file again.") from gone
        row = connection.execute(COUNT, [COUNTED + 1, run]).fetchone()
    edition, counted, is_bulk = row or (0, 0, False)
    least = min(max(counted, len(found["items"])), COUNTED)
    return found, edition, {"value": least, "exact": not is_bulk and counted <= COUNTED}


async def exported(settings: Settings, run: str, exports: CapacityLimiter) -> AsyncIterator[str]:
    """All changes as CSV, in blocks of lines, however many there are."""
    async with exports:
        blocks = _blocks(settings, run)
        try:
            async for block in iterate_in_threadpool(blocks):
                yield block
        finally:
            # Whoever goes away in the middle leaves no connection behind.
            with CancelScope(shield=True):
                await run_sync(blocks.close)


def _blocks(settings: Settings, run: str) -> Generator[str]:
    with connect(settings) as connection:
        lines = changes.csv_lines(connection, runs.find(connection, run))
        while block := "".join(islice(lines, LINES)):
            yield block

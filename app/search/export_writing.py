"""What an export writes: lines in blocks, each charged before it leaves, until all are out or something cuts it."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import NamedTuple

from starlette.requests import Request

from app.answers import tell_shown
from app.budgets.charging import BudgetExhausted, affordable
from app.paging import ListQuery, Position
from app.publication.listing import sealed
from app.publication.reading import Pool
from app.search.export_forms import End, Form
from app.search.export_reading import Row, Search, portions

BLOCK = 65_536
# A key that is revoked stops within five seconds.
READMIT_SECONDS = 2.0
# Why an export may end before everything is out, besides the code of a problem.
LIMIT, TIME = "limit", "time"


class Wanted(NamedTuple):
    """What is exported: resources of a kind that a search finds, after a position, as many as `query` says."""

    kind: str
    query: ListQuery
    search: Search
    after: Position | None


class Writing:
    """One export while it is written: what is out so far, and why it ended."""

    def __init__(self, request: Request, wanted: Wanted, form: Form, deadline: float) -> None:
        self._request, self._wanted, self._form, self._deadline = request, wanted, form, deadline
        self._clock = asyncio.get_running_loop().time
        self._admitted_at = self._clock()
        self._position = wanted.after
        self.edition = self.items = 0
        self.cut: str | None = None

    async def texts(self, pool: Pool) -> AsyncGenerator[str, None]:
        """One text after the other, at least one. Raises BudgetExhausted, and what refuses a key that ended."""
        wanted = self._wanted
        async with aclosing(portions(wanted.search, pool, wanted.after, wanted.query.limit)) as read:
            async for portion in read:
                self.edition = portion.edition
                for rows, lines in blocks(self._form, portion.rows):
                    if self.items and not await self._goes_on():
                        return
                    yield await self._charged(rows, lines)
                    if self.cut:
                        return
        self.cut = None if portion.is_last else LIMIT

    def ended(self) -> End:
        """The end of what was written. A cut one can be gone on with."""
        # Whoever asked again whether the key still reads has begun to count anew (app.access.rules).
        tell_shown(self._request, self.items)
        if self.cut is None:
            return End(self.items, self.edition)
        following = None
        if self._position is not None:
            following = sealed(self._request, self._wanted.query, self._position, self.edition)
        return End(self.items, self.edition, self.cut, following)

    async def _goes_on(self) -> bool:
        """Whether there is time left. Raises what refuses a caller whose key ended meanwhile."""
        now = self._clock()
        if now >= self._deadline:
            self.cut = TIME
            return False
        if now >= self._admitted_at + READMIT_SECONDS:
            self._admitted_at = now
            await self._request.state.readmit()
        return True

    async def _charged(self, rows: Sequence[Row], lines: Sequence[str]) -> str:
        """The lines that the caller may see. Raises BudgetExhausted when there are some and it may see none."""
        shown = await affordable(self._request, self._wanted.kind, [(row[-1], row[0]) for row in rows])
        if shown < len(rows):
            self.cut = BudgetExhausted.code
        if shown:
            self.items += shown
            self._position = rows[shown - 1][2:]
        tell_shown(self._request, self.items)
        return "".join(lines[:shown])


def blocks(form: Form, rows: Sequence[Row]) -> Iterator[tuple[list[Row], list[str]]]:
    """The rows with their lines, as many at once as make a block: an empty one where there are no rows."""
    held: list[Row] = []
    lines: list[str] = []
    size = 0
    for row in rows:
        line = form.row(row[0], row[1])
        held.append(row)
        lines.append(line)
        size += len(line)
        if size >= BLOCK:
            yield held, lines
            held, lines, size = [], [], 0
    if held or not rows:
        yield held, lines

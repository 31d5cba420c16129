"""An export as an answer: charged, and sent, block by block, within its time.

    snapshot ─► portions of rows ─► lines ─► blocks of 64 KiB ─► charged ─► sent
                                                                       └► last line: whole, or why not and how to go on

Whatever is refused before the first block leaves is answered as a problem. Afterwards only the last line can tell;
where even that cannot be sent, the answer breaks off without it, and without the end that its transfer coding demands.
"""

import asyncio
from contextlib import aclosing
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.answers import EDITION
from app.budgets.charging import allowance_of
from app.problems import DatabaseTimeout, Problem
from app.publication.reading import Pool
from app.search.export_forms import Form
from app.search.export_places import ExportPlaces
from app.search.export_reading import portions, snapshot
from app.search.export_writing import Wanted, Writing
from app.settings import Settings

logger = structlog.get_logger(__name__)

# When time is over, a client that still reads gets its last line; one that does not is left after this.
LAST_LINE_SECONDS = 10.0


class Export(Response):
    """The answer of an export. Nothing is read before it is sent."""

    def __init__(self, request: Request, wanted: Wanted, form: Form) -> None:
        super().__init__()
        self._request, self._wanted, self._form = request, wanted, form
        self._is_begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI has it
        settings: Settings = self._request.app.state.settings
        places: ExportPlaces = self._request.app.state.export_places
        deadline = asyncio.get_running_loop().time() + settings.export_seconds
        answer = self._tell_headers if scope.get("annuaire.head") else self._send_rows
        with places.place(allowance_of(self._request).caller):
            try:
                async with asyncio.timeout_at(deadline + LAST_LINE_SECONDS), snapshot(settings) as pool:
                    await answer(send, pool, deadline)
            except TimeoutError as slow:
                if not self._is_begun:
                    raise DatabaseTimeout("Ask for less at once (more filters), or try again.") from slow
                logger.info("an export was broken off: its client does not read")

    async def _tell_headers(self, send: Send, pool: Pool, _deadline: float) -> None:
        """What HEAD asks for. It shows nobody, so it costs nothing."""
        async with aclosing(portions(self._wanted.search, pool, self._wanted.after, 1)) as read:
            await self._begin(send, (await anext(read)).edition)
        await send({"type": "http.response.body"})

    async def _send_rows(self, send: Send, pool: Pool, deadline: float) -> None:
        writing = Writing(self._request, self._wanted, self._form, deadline)
        async with aclosing(writing.texts(pool)) as texts:
            text = self._form.head() + await anext(texts)
            await self._begin(send, writing.edition)
            try:
                while True:
                    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
                    if await self._request.is_disconnected():
                        return
                    text = await anext(texts)
            except StopAsyncIteration:
                pass
            except Problem as refused:
                writing.cut = refused.code
        await send({"type": "http.response.body", "body": self._form.tail(writing.ended()).encode()})

    async def _begin(self, send: Send, edition: int) -> None:
        self._is_begun = True
        name = f"{self._request.url.path.rpartition('/')[2]}-{edition}.{self._form.suffix}"
        self.headers.update(
            {
                EDITION: str(edition),
                "Content-Type": self._form.media_type,
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "no-store",
            }
        )
        # How long it becomes nobody knows: who is cut off notices by the chunked coding.
        del self.headers["content-length"]
        start: dict[str, Any] = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(start)

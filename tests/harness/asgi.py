"""Apps that serve in process, asked byte for byte: tens of thousands of requests, of any form and from any peer.

A client library would correct what it is given (a NUL in a path, a header that comes twice), and costs more than the
app. Nothing of the app is replaced: its lifespan runs, and what a server would hand over is handed over.
"""

import asyncio
import json
from collections.abc import Awaitable, Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote

from fastapi import FastAPI

from app.main import create_app
from app.settings import Settings

Peer = tuple[str, int]
ANYBODY: Peer = ("192.0.2.7", 50000)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the app sent: status, headers in their order with names in lower case, body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The code of a problem; None of anything else, and of an answer to HEAD."""
        is_problem = self.header("content-type") == "application/problem+json"
        return str(self.json["code"]) if is_problem and self.body else None

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


class Served:
    """Apps on one event loop, for tests that have none of their own."""

    def __init__(self, runner: asyncio.Runner, apps: tuple[FastAPI, ...]) -> None:
        self._runner = runner
        self.apps = apps

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Until the work is done; the tasks of the apps go on meanwhile."""
        return self._runner.run(work)


@contextmanager
def serving(*settings: Settings) -> Iterator[Served]:
    """An app for each of these settings, started, and shut down at the end."""
    apps = tuple(create_app(each) for each in settings)
    stack = AsyncExitStack()

    async def start() -> None:
        for app in apps:
            await stack.enter_async_context(app.router.lifespan_context(app))

    with asyncio.Runner() as runner:
        runner.run(start())
        try:
            yield Served(runner, apps)
        finally:
            runner.run(stack.aclose())


async def ask(
    app: FastAPI,
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    peer: Peer = ANYBODY,
) -> Answer:
    """One request. `target` is a path and its query as they stand on the wire, percent-encoded."""
    path, _, query = target.partition("?")
    sent = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    if body:
        sent.append((b"content-length", str(len(body)).encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": [(b"host", b"annuaire.example"), *sent],
        "client": peer,
        "server": ("annuaire.example", 80),
        "state": {},
    }
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    told: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not waiting:
            # The client stays for the whole answer.
            await asyncio.Event().wait()
        return waiting.pop()

    async def send(message: Any) -> None:
        told.append(message)

    await _called(app, scope, receive, send)
    begun = told[0]
    return Answer(
        int(begun["status"]),
        tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in begun["headers"]),
        b"".join(message.get("body", b"") for message in told[1:]),
    )


def _called(app: Any, scope: dict[str, Any], receive: Any, send: Any) -> Awaitable[None]:
    called: Awaitable[None] = app(scope, receive, send)
    return called

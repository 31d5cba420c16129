"""Logs: one JSON object a line on stderr, and one line for each request.

A line of a request tells method, route template, status and duration, never the path, the query, a header or a body:
look-ups name people, and headers carry keys. Every line between its beginning and its end carries its `request_id`; in
the worker the name of its `loop`, and within an import its `run` and `source`. Of an error only what `app.faults` lets
through is written.
"""

import logging
import re
import secrets
import sys
import time
from collections.abc import Callable

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict, WrappedLogger

from app.faults import told

REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
HEADER = b"x-request-id"
# No browser guesses a type.
UNGUESSED = (b"x-content-type-options", b"nosniff")
# An answer that says nothing of it is kept by nobody: caches may guess otherwise (RFC 9111 §4.2.2).
UNKEPT = (b"cache-control", b"no-store")

# (method, route template, status, seconds)
Observer = Callable[[str, str, int, float], None]
# (scope of the request, status)
Noter = Callable[[Scope, int], None]
# What stands in the headers of every answer to a request.
Teller = Callable[[Scope], list[tuple[bytes, bytes]]]


def configure(level: str) -> None:
    """Log from `level` upwards, as JSON on stderr: stdout belongs to the results of commands."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _traceback,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        # Looked up for each line: whoever replaces stderr, and closes what stood in for it, must not silence the rest.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def _traceback(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Write an exception as its places, without what it quotes."""
    error = line.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        line["exception"] = told(error)
    return line


class RequestLog:
    """Give each request an id, echo it on every answer with what is `told`, time it, and answer what nobody expected.

    It stands around everything else, so that errors of other middleware carry the id too.
    """

    def __init__(
        self,
        app: ASGIApp,
        observe: Observer,
        note: Noter,
        told: Teller,
        unexpected: Callable[[str | None], Response],
    ) -> None:
        self._app = app
        self._observe = observe
        self._note = note
        self._told = told
        self._unexpected = unexpected
        self._logger = structlog.get_logger(__name__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = scope["request_id"] = request_id_of(scope)
        echo = (HEADER, request_id.encode())
        status = 0
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                unkept = () if any(name == b"cache-control" for name, _ in headers) else (UNKEPT,)
                message["headers"] = [*headers, *self._told(scope), echo, UNGUESSED, *unkept]
            await send(message)

        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            self._logger.exception("request failed", route=route_of(scope))
            if status:  # half an answer is out: only a broken connection can say so
                raise
            await self._unexpected(request_id)(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - started
            method, route = scope["method"], route_of(scope)
            self._observe(method, route, status, seconds)
            self._note(scope, status)
            self._logger.info("request", method=method, route=route, status=status, ms=round(seconds * 1_000, 1))


def request_id_of(scope: Scope) -> str:
    """The id that the client gave its request, or a new one."""
    for name, value in scope["headers"]:
        if name == HEADER:
            given: str = value.decode("latin-1")
            if REQUEST_ID.fullmatch(given):
                return given
            break
    return secrets.token_hex(16)


def route_of(scope: Scope) -> str:
    """The template of the path, which names no one; `unknown` where no route fits."""
    return str(getattr(scope.get("route"), "path_format", "unknown"))

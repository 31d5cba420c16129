"""One span for each HTTP request: method, template of the route, status, request id. Nothing that a caller wrote.

A trace that began elsewhere (`traceparent`) goes on here only where the request comes from our own proxy: anybody else
could write itself into the traces of others. Whether it is kept is drawn here all the same, and `tracestate`, which is
free text, is left aside.
"""

import re
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import route_of
from app.tracing import span

TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SERVER_FAULT = 500


class RequestTrace:
    """Stands around the log of requests, whose lines then carry the `trace_id`. `trusts`: whether it is our proxy."""

    def __init__(self, app: ASGIApp, trusts: Callable[[Scope], bool], untraced: frozenset[str]) -> None:
        self._app = app
        self._trusts = trusts
        self._untraced = untraced

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._untraced:
            await self._app(scope, receive, send)
            return
        status = 0

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        with span("HTTP", {"http.request.method": method}, kind="server", parent=self._parent(scope)) as note:
            try:
                await self._app(scope, receive, send_noted)
            finally:
                route = route_of(scope)
                note.rename(f"{method} {route}")
                note("http.route", route)
                note("annuaire.request_id", scope.get("request_id", ""))
                note("http.response.status_code", status)
                if status >= SERVER_FAULT:
                    note.fail()

    def _parent(self, scope: Scope) -> str | None:
        given = [value for name, value in scope["headers"] if name == b"traceparent"]
        if len(given) == 1 and TRACEPARENT.fullmatch(given[0]) and self._trusts(scope):
            return str(given[0].decode("ascii"))
        return None

"""No request may hold more bytes than its route takes, whether it says its length or not.

Starlette's own limit answers in plain text as soon as a length is declared; ours is a problem document like any other.
"""

from copy import copy

from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

WITH_BODY = {"POST", "PUT", "PATCH"}
# Routes that take a stream of any length, count it themselves, and hold none of it.
STREAMED = frozenset({"/v1/imports"})
# Routes that keep a longer body on the disk.
LARGER = {"/v1/mailboxes/batch": 16_777_216}


def limited(route: BaseRoute, most: int) -> BaseRoute:
    """The same route, taking at most `most` bytes of body."""
    if not isinstance(route, APIRoute) or route.path in STREAMED or not WITH_BODY & set(route.methods or ()):
        return route
    behind = copy(route)
    behind.app = _limit(route.app, LARGER.get(route.path, most))
    return behind


def _limit(app: ASGIApp, most: int) -> ASGIApp:
    async def limit(scope: Scope, receive: Receive, send: Send) -> None:
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and int(declared) > most:
            raise HTTPException(413)
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise HTTPException(413)
            return message

        await app(scope, counted, send)

    return limit

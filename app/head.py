"""HEAD on whatever answers GET (RFC 9110 §9.1), as monitors and load balancers ask: the same headers, no body.

A route that listed HEAD itself would stand twice in openapi/annuaire.yaml.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Pass HEAD on as GET and keep the body back. `annuaire.head` in the scope spares a route reading a large one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        # The server must go on to see HEAD in its own scope, and the log the route.
        asked = {**scope, "method": "GET", "annuaire.head": True}
        try:
            await self._app(asked, receive, send_without_body)
        finally:
            scope["route"] = asked.get("route")

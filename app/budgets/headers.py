"""`RateLimit` and `RateLimit-Policy` on every answer to a known caller (draft-ietf-httpapi-ratelimit-headers).

    RateLimit-Policy: "persons";q=150;w=86400;qu="persons", "requests";q=6000;w=60
    RateLimit: "persons";r=149

The first is what the caller may do, the second what is left of it as far as this process knows. Seconds (`t`) stand
there once nothing is left, and the requests that are left once they are few: so two answers that show the same are the
same, whenever they are sent.
"""

from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.budgets.allowance import Allowance
from app.budgets.rate import WINDOW

DAY = 86_400
# Of a bucket of requests: below this share, the caller is told how many are left.
FEW = 0.1


class RateLimitHeaders:
    """Say what the caller may do, on errors too. It stands outside of what renders them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                allowance = scope.get("state", {}).get("allowance")
                if allowance is not None:
                    message["headers"] = [*message["headers"], *limits(allowance)]
            await send(message)

        await self._app(scope, receive, send_with_limits)


def limits(allowance: Allowance) -> list[tuple[bytes, bytes]]:
    """The two headers of an allowance; none where nothing is limited."""
    policy = _policy(allowance.budget, allowance.a_minute)
    if not policy:
        return []
    items = []
    if allowance.budget is not None and allowance.standing is not None:
        left = max(allowance.budget - allowance.standing.seen, 0)
        items.append(f'"persons";r={left}' if left else f'"persons";r=0;t={max(allowance.standing.ends, 0)}')
    if allowance.requests_left < allowance.a_minute * FEW:
        items.append(f'"requests";r={allowance.requests_left}')
    told = [(b"ratelimit-policy", policy)]
    return [*told, (b"ratelimit", ", ".join(items).encode())] if items else told


@lru_cache(1_000)
def _policy(budget: int | None, a_minute: int) -> bytes:
    items = []
    if budget is not None:
        items.append(f'"persons";q={budget};w={DAY};qu="persons"')
    if a_minute:
        items.append(f'"requests";q={a_minute};w={WINDOW:.0f}')
    return ", ".join(items).encode()

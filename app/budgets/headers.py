"""`RateLimit` and `RateLimit-Policy` on every answer to a known caller (draft-ietf-httpapi-ratelimit-headers).

    RateLimit-Policy: "persons";q=150;w=86400;qu="persons", "requests";q=6000;w=60
    RateLimit: "persons";r=149

The first is what the caller may do, the second what is left of it as far as this process knows. Seconds (`t`) stand
there once nothing is left, and the requests that are left once they are few: so two answers that show the same are the
same, whenever they are sent.
"""

from functools import lru_cache

from starlette.types import Scope

from app.budgets.allowance import Allowance
from app.budgets.rate import WINDOW

DAY = 86_400
# Of a bucket of requests: below this share, the caller is told how many are left.
FEW = 0.1


def of_request(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The headers of a request, answered or refused; none where no rule was asked what its caller may do."""
    allowance = scope["state"].get("allowance") if "state" in scope else None
    return [] if allowance is None else limits(allowance)


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

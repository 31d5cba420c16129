"""From which state a request must be answered at least: said by the request itself, never asked of the database.

| the request | is answered from |
|---|---|
| comes with a credential that may write | the primary |
| names an edition: `Minimum-Edition`, a tag of one resource, a cursor | whoever holds that edition |
| holds a tag that names none (of a list) | the primary |
| says nothing | whoever is fresh enough (app.standby.freshness) |
"""

import re

from starlette.requests import Request

MINIMUM = "Minimum-Edition"
_MINIMUM, _HELD = MINIMUM.lower().encode(), b"if-none-match"
# The tag of one resource begins with the change that last touched it (app.publication.reading.BY_IDS).
TAG = re.compile(rb'\s*(?:W/)?"([0-9]{1,18})-[0-9a-f]{16}"\s*')
EDITION = re.compile(rb"[0-9]{1,18}")


def require_primary(request: Request) -> None:
    """The caller may write: it must read what it wrote, whichever process takes its requests."""
    request.scope["state"]["at_primary"] = True


def require_edition(request: Request, edition: int) -> None:
    """The request holds something of this edition: no older state may answer it."""
    state = request.scope["state"]
    state["at_least"] = max(edition, state.get("at_least", 0))


def least_edition(request: Request) -> int | None:
    """The edition that an answer needs at least; None = only the primary can tell."""
    state = request.scope["state"]
    if "at_primary" in state:
        return None
    least: int = state.get("at_least", 0)
    for name, value in request.scope["headers"]:
        if name in (_HELD, _MINIMUM):
            named = _editions(value, TAG if name == _HELD else EDITION)
            if named is None:
                return None
            least = max(least, named)
    return least


def _editions(value: bytes, form: re.Pattern[bytes]) -> int | None:
    """The newest edition that a header names; None when part of it names none."""
    found = [form.fullmatch(each) for each in value.split(b",")]
    if not all(found):
        return None
    return max(int(each[each.re.groups]) for each in found if each)

"""How narrow an anonymous question must be: whoever does not say who is asking must know whom to ask for."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from starlette.requests import Request

from app.budgets.charging import allowance_of
from app.problems import Problem

# Letters and digits of all names asked for; fewer where another filter narrows the question too (reliability.md §6.4).
LETTERS, LETTERS_WITH_FILTER = 3, 2


class SearchTooBroad(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "search.too_broad"
    title = "Without a key, this question is too broad"


def require_narrow(request: Request, names: Mapping[str, str | None], filters: Iterable[str | None]) -> None:
    """Refuse an anonymous search for hardly anybody in particular. `names` are folded, `filters` what else was given.

    Raises SearchTooBroad.
    """
    if not allowance_of(request).is_anonymous:
        return
    given = {name: text for name, text in names.items() if text is not None}
    letters = sum(character != " " for text in given.values() for character in text)
    is_filtered = any(each is not None for each in filters)
    if letters >= (LETTERS_WITH_FILTER if is_filtered else LETTERS) or (is_filtered and not given):
        return
    wanted = f"{LETTERS} letters of a name, or {LETTERS_WITH_FILTER} and another filter" if names else "a filter"
    faults = [{"pointer": f"/query/{name}", "code": "too_short", "detail": f"Give {wanted}."} for name in given]
    raise SearchTooBroad(f"Give {wanted}, or ask with a key, which may list everything.", errors=faults)

"""Persons are charged before an answer that shows them leaves.

What counts is the person, by its national identification, however it is shown: as a professional, or as a holder of a
mailbox. A mailbox without a known person counts as itself, by its address. Structures alone cost nothing.
"""

import re
from collections.abc import Sequence
from http import HTTPStatus

from starlette.requests import Request

from app.budgets.allowance import Allowance, Budgets
from app.problems import Problem

# A quote inside a JSON text is escaped, so this matches a member and never the inside of a value.
HOLDER = re.compile(r'"national_id":"([^"]+)"')

# (key, document) of a published resource
Shown = tuple[str, str]


class BudgetExhausted(Problem):
    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "budget.exhausted"
    title = "This shows more persons than the caller may still see today"


async def charge(request: Request, kind: str, documents: Sequence[Shown]) -> None:
    """Charge the caller for everybody in these documents. Raises BudgetExhausted, having charged nobody."""
    allowance = allowance_of(request)
    if allowance.budget is None:
        return
    if await _charged(request, kind, documents, whole=True) < len(documents):
        raise _exhausted(allowance)


async def affordable(request: Request, kind: str, documents: Sequence[Shown]) -> int:
    """How many of these documents, from the first, the caller may be shown; it is charged for those.

    Raises BudgetExhausted when there are some and it may see none.
    """
    shown = await _charged(request, kind, documents, whole=False)
    if documents and not shown:
        raise _exhausted(allowance_of(request))
    return shown


def allowance_of(request: Request) -> Allowance:
    """What the caller may do, as the guard of the route found it (app.access.rules)."""
    allowance: Allowance = request.state.allowance
    return allowance


def persons_in(kind: str, key: str, document: str) -> frozenset[str]:
    """Who is seen in a document. Nothing is parsed: a name of a member cannot stand inside a value."""
    if kind == "practitioner":
        return frozenset((key,))
    return frozenset(HOLDER.findall(document) or (key,)) if kind == "mailbox" else frozenset()


async def _charged(request: Request, kind: str, documents: Sequence[Shown], *, whole: bool) -> int:
    allowance = allowance_of(request)
    account = allowance.account
    if account is None:
        return len(documents)
    persons = [persons_in(kind, key, document) for key, document in documents]
    everybody = [person for those in persons for person in those]
    if not everybody:
        return len(documents)
    budgets: Budgets = request.app.state.budgets
    charged = await budgets.ledger.charge(account, everybody, whole=whole)
    allowance.standing = charged.standing
    return next((at for at, those in enumerate(persons) if not those <= charged.granted), len(documents))


def _exhausted(allowance: Allowance) -> BudgetExhausted:
    budget, standing = allowance.budget or 0, allowance.standing
    seen, ends = standing or (0, 0)
    left = max(budget - seen, 0)
    return BudgetExhausted(
        f"{left} of {budget} persons are left for today. Those already seen today stay free; ask for fewer new ones at"
        " once, wait for the next day, or use a key.",
        retry_after=max(ends, 1),
        budget=budget,
        left=left,
    )

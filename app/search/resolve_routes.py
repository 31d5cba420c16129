"""`POST /v1/resolve`: which address for this letter?"""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.answers import tell_shown, untagged
from app.budgets.breadth import SearchTooBroad
from app.budgets.charging import BudgetExhausted, charge
from app.mailboxes.use import DOCUMENTS
from app.problems import InvalidRequest, documented
from app.search.resolve_answer import body_of, nobody
from app.search.resolve_places import settle
from app.search.resolve_reading import snapshot
from app.search.resolve_recipient import Nobody, asked_of
from app.search.resolve_schemas import Resolution, Resolve

router = APIRouter(tags=["resolve"])


@router.post(
    "/v1/resolve",
    responses={200: {"model": Resolution}, **documented(InvalidRequest, SearchTooBroad, BudgetExhausted)},
)
async def resolve(request: Request, body: Resolve) -> Response:
    """One mailbox for a document, with the rule that chose it; or the reason why none, and among whom to choose.

    What it shows is charged as look-ups are: the person asked for, and those whose mailboxes are named.
    """
    asked = await asked_of(request, body)
    async with snapshot(request.app.state.pool) as read:
        found = asked if isinstance(asked, Nobody) else await settle(read, asked, DOCUMENTS[body.document].use)
        edition = await read.edition()
    if isinstance(found, Nobody):
        await charge(request, "mailbox", found.shown)
        tell_shown(request, len(found.shown))
        return untagged(nobody(body, found, edition), edition)
    answer, shown = body_of(body, found, edition)
    await charge(request, "mailbox", shown)
    tell_shown(request, len(shown))
    return untagged(answer, edition)

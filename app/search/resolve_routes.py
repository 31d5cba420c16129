"""`POST /v1/resolve`: which address for this letter?"""

from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.answers import tell_shown, untagged
from app.budgets.breadth import SearchTooBroad
from app.budgets.charging import BudgetExhausted, charge
from app.mailboxes.use import DOCUMENTS
from app.problems import InvalidRequest, documented
from app.search.resolve_answer import body_of, nobody
from app.search.resolve_places import Settled, settle
from app.search.resolve_reading import snapshot
from app.search.resolve_recipient import Nobody, asked_of
from app.search.resolve_schemas import Resolution, Resolve
from app.standby.sources import Source, read

router = APIRouter(tags=["resolve"])


@router.post(
    "/v1/resolve",
    responses={200: {"model": Resolution}, **documented(InvalidRequest, SearchTooBroad, BudgetExhausted)},
)
async def resolve(request: Request, body: Resolve) -> Response:
    """One mailbox for a document, with the rule that chose it; or the reason why none, and among whom to choose.

    What it shows is charged as look-ups are: the person asked for, and those whose mailboxes are named.
    """
    edition, found = await read(request, lambda source: _found(request, body, source))
    if isinstance(found, Nobody):
        await charge(request, "mailbox", found.shown)
        tell_shown(request, len(found.shown))
        return untagged(nobody(body, found, edition), edition)
    answer, shown = body_of(body, found, edition)
    await charge(request, "mailbox", shown)
    tell_shown(request, len(shown))
    return untagged(answer, edition)


class Found(NamedTuple):
    """Who was found; nothing that led there is of an older edition."""

    edition: int
    who: Settled | Nobody


async def _found(request: Request, body: Resolve, source: Source) -> Found:
    async with snapshot(source.pool) as moment:
        asked, edition = await asked_of(request, body, source.reads, moment)
        who = asked if isinstance(asked, Nobody) else await settle(moment, asked, DOCUMENTS[body.document].use)
        present = await moment.edition()
    return Found(present if edition is None else min(present, edition), who)

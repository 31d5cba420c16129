"""`/v1/mailboxes`: one by address, lists, batches."""

from typing import Annotated, NoReturn

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from app.budgets.breadth import SearchTooBroad, require_narrow
from app.budgets.charging import BudgetExhausted
from app.identifiers import InvalidIdentifier, MailboxAddress
from app.mailboxes import queries
from app.mailboxes.absent import MailboxUnknown, MailboxWithdrawn, unknown, withdrawn
from app.mailboxes.own import own_answer
from app.mailboxes.schemas import Mailbox, MailboxBatch, MailboxLookup, MailboxPage, MailboxQuery, OwnMailbox
from app.paging import Id
from app.problems import CursorInvalid, InvalidRequest, documented
from app.publication.listing import disclosed, opened
from app.publication.lookup import found_batch, shown
from app.standby.sources import read

router = APIRouter(tags=["mailboxes"])


@router.get(
    "/v1/mailboxes/{address:path}",
    responses={
        200: {"model": Mailbox | OwnMailbox},
        **documented(MailboxUnknown, MailboxWithdrawn, InvalidRequest, BudgetExhausted),
    },
)
async def read_mailbox(request: Request, address: Annotated[Id, Path(description="Any case of letters")]) -> Response:
    """One mailbox by its address. A hidden address answers like one that never was.

    To its own operator and to administrators it answers with the owner's view, hidden or not.
    """
    try:
        parsed = MailboxAddress.parse(address)
    except InvalidIdentifier:
        raise unknown() from None
    if own := await own_answer(request, parsed):
        return own
    tombstone_days: int = request.app.state.settings.mailbox_tombstone_days
    found = await read(request, lambda source: queries.by_address(source.reads, parsed, tombstone_days), is_short=True)
    if found.row is None:
        _absent(found)
    return await shown(request, "mailbox", parsed, found.row)


@router.get(
    "/v1/mailboxes",
    responses={
        200: {"model": MailboxPage},
        **documented(CursorInvalid, InvalidRequest, SearchTooBroad, BudgetExhausted),
    },
)
async def list_mailboxes(request: Request, query: Annotated[MailboxQuery, Query()]) -> Response:
    """Mailboxes by domain, type or holder, in order of their address."""
    after = opened(request, query)
    require_narrow(request, {}, (query.domain, query.practitioner, query.organization))
    found = await read(request, lambda source: queries.of_query(query).page(source.pool, after, query.limit))
    return await disclosed(request, "mailbox", query, found)


@router.post(
    "/v1/mailboxes/lookup", responses={200: {"model": MailboxBatch}, **documented(InvalidRequest, BudgetExhausted)}
)
async def look_up_mailboxes(request: Request, body: MailboxLookup) -> Response:
    """Up to 1 000 addresses at once: one result for each, in order."""
    return await found_batch(request, "mailbox", body.addresses, [_address(text) for text in body.addresses])


def _address(text: str) -> tuple[str, ...]:
    try:
        return (MailboxAddress.parse(text),)
    except InvalidIdentifier:
        return ()


def _absent(found: queries.Found) -> NoReturn:
    if found.withdrawal is None:
        raise unknown(found.edition)
    raise withdrawn(*found.withdrawal, found.edition)

"""`/v1/mailboxes`: one by address, lists, batches."""

from typing import Annotated, NoReturn

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from app.answers import resource_tag, tagged, tell_shown, untagged
from app.identifiers import InvalidIdentifier, MailboxAddress
from app.mailboxes import queries
from app.mailboxes.absent import MailboxUnknown, MailboxWithdrawn, unknown, withdrawn
from app.mailboxes.own import own_answer
from app.mailboxes.schemas import Mailbox, MailboxBatch, MailboxLookup, MailboxPage, MailboxQuery, OwnMailbox
from app.paging import Id
from app.problems import CursorInvalid, InvalidRequest, documented
from app.publication.listing import listed, opened
from app.publication.reading import batch

router = APIRouter(tags=["mailboxes"])


@router.get(
    "/v1/mailboxes/{address:path}",
    responses={200: {"model": Mailbox | OwnMailbox}, **documented(MailboxUnknown, MailboxWithdrawn, InvalidRequest)},
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
    found = await queries.by_address(request.app.state.pool, parsed, tombstone_days)
    if found.document is None:
        _absent(found)
    tell_shown(request, 1)
    return tagged(request, found.document.encode(), resource_tag(found.sequence, found.tag), found.edition)


@router.get("/v1/mailboxes", responses={200: {"model": MailboxPage}, **documented(CursorInvalid, InvalidRequest)})
async def list_mailboxes(request: Request, query: Annotated[MailboxQuery, Query()]) -> Response:
    """Mailboxes by domain, type or holder, in order of their address."""
    found = await queries.of_query(query).page(request.app.state.pool, opened(request, query), query.limit)
    return listed(request, query, found)


@router.post("/v1/mailboxes/lookup", responses={200: {"model": MailboxBatch}, **documented(InvalidRequest)})
async def look_up_mailboxes(request: Request, body: MailboxLookup) -> Response:
    """Up to 1 000 addresses at once: one result for each, in order."""
    candidates = [_address(text) for text in body.addresses]
    edition, answer = await batch(request.app.state.pool, "mailbox", body.addresses, candidates)
    return untagged(answer, edition)


def _address(text: str) -> tuple[str, ...]:
    try:
        return (MailboxAddress.parse(text),)
    except InvalidIdentifier:
        return ()


def _absent(found: queries.Found) -> NoReturn:
    if found.since is None:
        raise unknown(found.edition)
    raise withdrawn(found.since, found.successor, found.reason or "withdrawn", found.edition)

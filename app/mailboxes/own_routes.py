"""`GET /v1/me/mailboxes`: an operator's own mailboxes, hidden and suspended ones too."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.access.caller import Caller
from app.mailboxes.own import PRIVATE, own_page
from app.mailboxes.schemas import OwnMailboxPage, OwnMailboxQuery
from app.problems import (
    CredentialsInvalid,
    CredentialsMissing,
    CursorInvalid,
    InvalidRequest,
    OperatorMissing,
    ScopeMissing,
    documented,
)
from app.publication.listing import listed, opened

router = APIRouter(tags=["mailboxes: operators' writes"])


@router.get(
    "/v1/me/mailboxes",
    responses={
        200: {"model": OwnMailboxPage},
        **documented(
            CursorInvalid, InvalidRequest, CredentialsMissing, CredentialsInvalid, ScopeMissing, OperatorMissing
        ),
    },
)
async def list_own_mailboxes(request: Request, caller: Caller, query: Annotated[OwnMailboxQuery, Query()]) -> Response:
    """The mailboxes of the caller's operator, in order of their address: all that it wrote and did not withdraw, and,
    in its domains, those of the national file that no operator has written yet.
    """
    if caller.operator is None:
        raise OperatorMissing("This credential acts for no operator, so it has no mailboxes of its own.")
    after = opened(request, query)
    found = await own_page(request.app.state.pool, caller.operator, query, after)
    answer = listed(request, query, found)
    answer.headers.update(PRIVATE)
    return answer

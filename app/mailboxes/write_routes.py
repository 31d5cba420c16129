"""`PUT`, `PATCH`, `DELETE /v1/mailboxes/{address}`: what operators write, one mailbox at a time."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from app.access.caller import Identity
from app.mailboxes import write_problems as problems
from app.mailboxes.absent import MailboxUnknown, MailboxWithdrawn
from app.mailboxes.idempotency import LONGEST_KEY, token_of
from app.mailboxes.one_write import write
from app.mailboxes.schemas import OwnMailbox
from app.mailboxes.strict_json import parse
from app.mailboxes.wish import MailboxPatch, MailboxPut, Operation, Wish, address_of, body_of
from app.mailboxes.writing import Writer
from app.paging import Id, require_single_values
from app.problems import (
    CredentialsInvalid,
    CredentialsMissing,
    CredentialsTooWeak,
    InvalidRequest,
    OperatorMissing,
    Problem,
    ScopeMissing,
    UnreadableRequest,
    WriteBusy,
    documented,
)
from app.settings import Settings

router = APIRouter(tags=["mailboxes: operators' writes"])

JSON, MERGE_PATCH = "application/json", "application/merge-patch+json"
REFUSED_CALLER = (*(CredentialsMissing, CredentialsInvalid, CredentialsTooWeak, ScopeMissing, OperatorMissing),)
REFUSALS = (
    *(*REFUSED_CALLER, UnreadableRequest, InvalidRequest, WriteBusy),
    *(problems.AddressInvalid, problems.OperatorNotPublishing, problems.DomainNotYours, problems.MailboxNotYours),
    *(problems.PreconditionMissing, problems.PreconditionFailed),
    *(problems.IdempotencyMismatch, problems.IdempotencyInFlight),
)
JUDGED = (problems.MailboxImmutable, problems.MemberNotAllowed, problems.MemberLimit, problems.MailboxExists)
HOLDERS = (
    *(problems.HolderMissing, problems.PractitionerUnknown, problems.PractitionerInactive),
    *(problems.OrganizationUnknown, problems.OrganizationsSeveral),
)
ABSENT = (MailboxUnknown, MailboxWithdrawn)
OWN = {"model": OwnMailbox}

Address = Annotated[Id, Path(description="Any case of letters", examples=["anne.exemple@ch-exemple.mssante.fr"])]


class Withdrawal(BaseModel):
    """Parameters of a withdrawal. An unknown one is refused: a misspelt successor must not pass for none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    successor: Id | None = Field(None, description="Address that follows; told while it is public itself")


IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "ETag of the state that is changed",
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "`*`: only where there is no mailbox",
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[ -~]*$"},
    "description": "A text of yours: the same request sent again has one effect, and the first answer",
}


def _described(model: type[BaseModel], *media: str) -> dict[str, Any]:
    """Body and headers in the description of the API: they are read by hand, since the domain is asked first."""
    content = {kind: {"schema": model.model_json_schema()} for kind in media}
    headers = [IF_MATCH, IF_NONE_MATCH, IDEMPOTENCY_KEY]
    return {"requestBody": {"required": True, "content": content}, "parameters": headers}


@router.put(
    "/v1/mailboxes/{address:path}",
    status_code=201,
    responses={200: OWN, 201: OWN, **documented(*REFUSALS, *JUDGED, *HOLDERS, problems.MailboxQuarantined)},
    openapi_extra=_described(MailboxPut, JSON),
)
async def put_mailbox(request: Request, address: Address) -> Response:
    """Publish a mailbox at a free address, or replace what may change of one (with If-Match).

    The rules are asked in this order, and the first that is against it answers: the caller, the exact domain, the
    type, the limits of the members, the address. What is written is published when the answer comes.
    """
    raw = await request.body()
    return await _write(request, "put", address, raw, **_content(request, "put", raw, JSON))


@router.patch(
    "/v1/mailboxes/{address:path}",
    responses={200: OWN, **documented(*REFUSALS, *JUDGED, *ABSENT)},
    openapi_extra=_described(MailboxPatch, MERGE_PATCH, JSON),
)
async def patch_mailbox(request: Request, address: Address) -> Response:
    """Change a mailbox by a merge patch (RFC 7396), with If-Match. Address, type and holder never change.

    A mailbox that a file brought is taken over by this: no file changes or closes it from then on.
    """
    raw = await request.body()
    return await _write(request, "patch", address, raw, **_content(request, "patch", raw, MERGE_PATCH, JSON))


@router.delete(
    "/v1/mailboxes/{address:path}",
    status_code=204,
    responses=documented(*REFUSALS, *ABSENT, problems.SuccessorInvalid),
    openapi_extra={"parameters": [IF_MATCH, IDEMPOTENCY_KEY]},
)
async def delete_mailbox(request: Request, address: Address, query: Annotated[Withdrawal, Query()]) -> Response:
    """Withdraw a mailbox, with If-Match. Its address answers 410 for a time, and goes to no other holder for longer."""
    require_single_values(request)
    return await _write(request, "delete", address, b"", successor=query.successor)


def writer_of(request: Request) -> Writer:
    """Who writes, as the guard of the route found it: the caller acts for an operator."""
    caller: Identity = request.state.caller
    assert caller.operator is not None  # noqa: S101 - Rule.PUBLISH lets operators alone through
    settings: Settings = request.app.state.settings
    request_id = request.scope.get("request_id")
    return Writer(caller, caller.operator, request_id, settings.mailbox_domains, settings.mailbox_quarantine_days)


async def _write(request: Request, operation: Operation, address: str, raw: bytes, **content: Any) -> Response:
    writer = writer_of(request)
    wish = Wish(
        operation,
        address_of(address),
        if_match=_joined(request, "if-match"),
        if_none_match=_joined(request, "if-none-match"),
        **content,
    )
    token = token_of(request, writer.operator, sha256(raw).digest())
    return (await write(request.app.state.write_pool, writer, wish, token)).response()


def _content(request: Request, operation: Operation, raw: bytes, *media: str) -> Mapping[str, Any]:
    """The body of a wish, or what is wrong with it: that is for the owner of the domain alone."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind not in media:
            raise UnreadableRequest(f"Send the body with `Content-Type: {media[0]}`.")
        return {"body": body_of(operation, parse(raw))}
    except Problem as fault:
        return {"fault": fault}


def _joined(request: Request, name: str) -> str | None:
    """A header that may be given in several lines (RFC 9110 §5.3)."""
    values = request.headers.getlist(name)
    return ", ".join(values) if values else None

"""`/v1/transfers`: a mailbox or a domain moves from one operator to another, when both agreed, at its hour."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from psycopg.sql import SQL

from app.access.audit import append_async
from app.access.caller import Caller, Identity
from app.answers import EDITION, MEDIA_TYPE
from app.mailboxes.write_problems import DomainNotYours, OperatorNotPublishing
from app.paging import COUNTED
from app.problems import (
    CredentialsInvalid,
    CredentialsMissing,
    CredentialsTooWeak,
    CursorInvalid,
    InvalidRequest,
    OperatorMissing,
    ScopeMissing,
    WriteBusy,
    documented,
)
from app.publication.listing import fetch, listed, opened
from app.transfers.problems import BY_FAULT, EVERY, TransferUnknown
from app.transfers.proposal import ACTIONS, Proposal, ProposalInvalid, Verb, Who, act, address, proposal
from app.transfers.schemas import Agreement, Transfer, TransferPage, TransferQuery, Wanted
from app.transfers.statements import DECIDE, ONE, PAGE, PROPOSE, STATE_OF

router = APIRouter(tags=["transfers"])

READING = (CredentialsMissing, CredentialsInvalid, OperatorMissing)
WRITING = (
    *(*READING, ScopeMissing, CredentialsTooWeak, OperatorNotPublishing, DomainNotYours, InvalidRequest, WriteBusy),
    *EVERY,
)
# Later than every transfer.
NEWEST = 2_147_483_647
Id = Annotated[int, Path(ge=1, le=NEWEST)]


@router.post("/v1/transfers", status_code=201, responses={201: {"model": Transfer}, **documented(*WRITING)})
async def propose_transfer(request: Request, wanted: Wanted, caller: Caller) -> Response:
    """Propose to give a mailbox or a domain to another operator (`to`), or to take it over from one (`from`).

    Nothing happens unless the other side agrees before `effective_at`; then it happens at that hour, on every channel
    at once.
    """
    who = _who(request, caller)
    await _require_acting(request, who)
    asked = _proposal(wanted, who.operator)
    document = await _carried_out(request, who, "transfer.proposed", PROPOSE, {"given": asked.as_json()})
    number = Transfer.model_validate_json(document).id
    headers = {"Location": f"/v1/transfers/{number}", "Cache-Control": "no-store"}
    return Response(document, status_code=201, headers=headers, media_type=MEDIA_TYPE)


@router.get(
    "/v1/transfers",
    responses={200: {"model": TransferPage}, **documented(*READING, CursorInvalid, InvalidRequest)},
)
async def list_transfers(request: Request, query: Annotated[TransferQuery, Query()], caller: Caller) -> Response:
    """Transfers from or to the caller's operator, newest first; for administrators those of everybody."""
    after = opened(request, query)
    given = {
        "operator": _whose(caller),
        "scope": query.scope,
        "state": query.state,
        "before": after[0] if after else NEWEST,
        "rows": query.limit + 1,
        "counted": COUNTED + 1,
    }
    return listed(request, query, await fetch(request.app.state.pool, SQL(PAGE).format(), given))


@router.get(
    "/v1/transfers/{id}", responses={200: {"model": Transfer}, **documented(*READING, TransferUnknown, InvalidRequest)}
)
async def read_transfer(request: Request, id: Id, caller: Caller) -> Response:  # noqa: A002 - the name in the path
    """One transfer from or to the caller's operator."""
    async with request.app.state.pool.connection() as connection:
        cursor = await connection.execute(ONE, {"id": id, "operator": _whose(caller)})
        edition, document = await cursor.fetchone()
    if document is None:
        raise TransferUnknown("See GET /v1/transfers for yours.", edition=edition)
    headers = {EDITION: str(edition), "Cache-Control": "no-store"}
    return Response(document, headers=headers, media_type=MEDIA_TYPE)


@router.post("/v1/transfers/{id}/agree", responses={200: {"model": Transfer}, **documented(*WRITING)})
async def agree(request: Request, id: Id, caller: Caller, agreement: Agreement | None = None) -> Response:  # noqa: A002
    """Agree to what the other side proposed. Whoever receives a mailbox may give it a new address: then the old one is
    withdrawn at the hour of the transfer, and leads to the new one.
    """
    who = _who(request, caller)
    await _require_acting(request, who)
    given = agreement.new_address if agreement else None
    return await _decided(request, who, id, "agree", None if given is None else _address(given))


@router.post("/v1/transfers/{id}/refuse", responses={200: {"model": Transfer}, **documented(*WRITING)})
async def refuse(request: Request, id: Id, caller: Caller) -> Response:  # noqa: A002 - the name in the path
    """Refuse what the other side proposed, also after having agreed, until its hour."""
    return await _decided(request, _who(request, caller), id, "refuse")


@router.post("/v1/transfers/{id}/withdraw", responses={200: {"model": Transfer}, **documented(*WRITING)})
async def withdraw(request: Request, id: Id, caller: Caller) -> Response:  # noqa: A002 - the name in the path
    """Take back a proposal of the caller's own, also when it was agreed to, until its hour."""
    return await _decided(request, _who(request, caller), id, "withdraw")


async def _decided(request: Request, who: Who, number: int, verb: Verb, new_address: str | None = None) -> Response:
    given = {"id": number, "operator": who.operator, "verb": verb, "new_address": new_address}
    document = await _carried_out(request, who, ACTIONS[verb], DECIDE, given)
    return Response(document, headers={"Cache-Control": "no-store"}, media_type=MEDIA_TYPE)


async def _carried_out(request: Request, who: Who, action: str, statement: str, given: Mapping[str, Any]) -> str:
    """Ask the database, write down what was done, and give the transfer as it is now. Raises the problem of a fault."""
    async with request.app.state.write_pool.connection() as connection, connection.transaction():
        asked = await connection.execute(statement, {**given, "certificate": who.certificate})
        fault, reason, document, before, after = await asked.fetchone()
        if fault is not None:
            raise BY_FAULT[fault](_sentence(reason))
        if before != after:
            await append_async(connection, act(who, action, document, before, after))
    return str(document)


async def _require_acting(request: Request, who: Who) -> None:
    """Raises OperatorNotPublishing: who was suspended, or left, neither gives nor takes by itself."""
    async with request.app.state.pool.connection() as connection:
        state, reason = await (await connection.execute(STATE_OF, (who.operator,))).fetchone()
    if state in {"suspended", "left"}:
        raise OperatorNotPublishing(f"Operator {who.operator} is {state}" + (f": {reason}" if reason else "") + ".")


def _who(request: Request, caller: Identity) -> Who:
    if caller.operator is None:
        raise OperatorMissing("Transfers are between operators, and this credential acts for none.")
    request_id = request.scope.get("request_id")
    return Who(caller.id or "", caller.credential or "", caller.operator, request_id, caller.certificate)


def _whose(caller: Identity) -> str | None:
    """Whose transfers the caller sees: None = everybody's. Raises OperatorMissing."""
    if caller.may("admin"):
        return None
    if caller.operator is None:
        raise OperatorMissing("Transfers are between operators, and this credential acts for none.")
    return caller.operator


def _proposal(wanted: Wanted, operator: str) -> Proposal:
    if (wanted.to is None) == (wanted.from_ is None):
        raise _invalid("to", "Name the other side: `to` when you give, `from` when you take over.")
    try:
        return proposal(
            mailbox=wanted.mailbox,
            domain=wanted.domain,
            from_operator=wanted.from_ or operator,
            to_operator=wanted.to or operator,
            proposed_by=operator,
            effective_at=wanted.effective_at,
            new_address=wanted.new_address,
        )
    except ProposalInvalid as error:
        raise _invalid(error.part, str(error)) from error


def _address(text: str) -> str:
    try:
        return address("new_address", text)
    except ProposalInvalid as error:
        raise _invalid(error.part, str(error)) from error


def _invalid(part: str, detail: str) -> InvalidRequest:
    return InvalidRequest(detail, errors=[{"pointer": f"/body/{part}", "code": "invalid", "detail": detail}])


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}."

"""`/v1/me/webhooks`: who cannot poll is told when to read the feed."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from psycopg.rows import dict_row

from app.access.audit import append_async
from app.access.caller import Caller, Identity
from app.problems import CredentialsInvalid, CredentialsMissing, InvalidRequest, ScopeMissing, documented
from app.push.problems import WebhookTooMany, WebhookUnknown, WebhookUrlInvalid
from app.push.schemas import DeliveryList, From, NewWebhook, WantedWebhook, WebhookDocument, WebhookList
from app.push.subscriptions import (
    ADD,
    DELETE,
    DELIVERIES,
    MOST,
    ONE,
    OWN,
    REPLAY,
    TAKE_TURNS,
    Owner,
    act,
    made,
)
from app.push.target import TargetInvalid, parse

router = APIRouter(tags=["webhooks"])

CALLING = (CredentialsMissing, CredentialsInvalid, ScopeMissing, InvalidRequest)
ONE_OF_MINE = documented(*CALLING, WebhookUnknown)
# Columns that say whose it is, which its owner knows.
WHOSE = {"operator", "api_key"}
Id = Annotated[str, Path(max_length=64)]


@router.post("/v1/me/webhooks", status_code=201, responses=documented(*CALLING, WebhookTooMany, WebhookUrlInvalid))
async def add_webhook(request: Request, response: Response, wanted: WantedWebhook, caller: Caller) -> NewWebhook:
    """Be told at a URL of your own when the directory moved, from now on. The secret is in this answer alone."""
    try:
        parse(wanted.url, insecure=request.app.state.settings.webhook_insecure)
    except TargetInvalid as error:
        detail = f"The URL cannot be used: {error}."
        raise WebhookUrlInvalid(
            detail, errors=[{"pointer": "/body/url", "code": "invalid", "detail": detail}]
        ) from error
    values, secret = made(_owner(caller), request.app.state.peppers.current, wanted.url, wanted.kinds)
    row = await _written(request, caller, "webhook.created", (TAKE_TURNS, ADD), values)
    if row is None:
        raise WebhookTooMany(f"At most {MOST}. Delete one first.")
    response.headers["Location"] = f"/v1/me/webhooks/{row['id']}"
    response.headers["Cache-Control"] = "no-store"
    return NewWebhook(**_own(row), secret=secret)


@router.get("/v1/me/webhooks", responses=documented(*CALLING))
async def list_webhooks(request: Request, response: Response, caller: Caller) -> WebhookList:
    """The caller's webhooks, and how far each was told."""
    response.headers["Cache-Control"] = "no-store"
    rows = await _rows(request, OWN, _owner(caller).having())
    return WebhookList(items=[WebhookDocument(**_own(row)) for row in rows])


@router.get("/v1/me/webhooks/{id}", responses=ONE_OF_MINE)
async def read_webhook(request: Request, response: Response, id: Id, caller: Caller) -> WebhookDocument:  # noqa: A002
    """One of the caller's webhooks."""
    response.headers["Cache-Control"] = "no-store"
    return WebhookDocument(**_own(await _mine(request, caller, id)))


@router.delete("/v1/me/webhooks/{id}", status_code=204, responses=ONE_OF_MINE)
async def delete_webhook(request: Request, id: Id, caller: Caller) -> None:  # noqa: A002 - the name in the path
    """Be told no more."""
    values = _owner(caller).having(id=id)
    if await _written(request, caller, "webhook.deleted", (DELETE,), values) is None:
        raise _unknown()


@router.post("/v1/me/webhooks/{id}/replay", responses=ONE_OF_MINE)
async def replay_webhook(
    request: Request,
    response: Response,
    id: Id,  # noqa: A002 - the name in the path
    caller: Caller,
    asked: From | None = None,
) -> WebhookDocument:
    """Be told again of what came after an edition; one that was disabled is active again."""
    values = _owner(caller).having(id=id, edition=asked.edition if asked else None)
    row = await _written(request, caller, "webhook.replayed", (REPLAY,), values)
    if row is None:
        raise _unknown()
    response.headers["Cache-Control"] = "no-store"
    return WebhookDocument(**_own(row))


@router.get("/v1/me/webhooks/{id}/deliveries", responses=ONE_OF_MINE)
async def list_deliveries(request: Request, response: Response, id: Id, caller: Caller) -> DeliveryList:  # noqa: A002
    """The last attempts to tell it, newest first."""
    await _mine(request, caller, id)
    response.headers["Cache-Control"] = "no-store"
    return DeliveryList.model_validate({"items": await _rows(request, DELIVERIES, {"id": id})})


def _owner(caller: Identity) -> Owner:
    """Who owns what the caller makes. Without an operator the caller is the key that it sent."""
    return Owner(operator=caller.operator) if caller.operator else Owner(api_key=caller.id)


def _own(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in WHOSE}


async def _mine(request: Request, caller: Identity, identifier: str) -> dict[str, Any]:
    rows = await _rows(request, ONE, _owner(caller).having(id=identifier))
    if not rows:
        raise _unknown()
    return rows[0]


async def _rows(request: Request, statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    async with (
        request.app.state.pool.connection() as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        rows: list[dict[str, Any]] = await (await cursor.execute(statement, values)).fetchall()
        return rows


async def _written(
    request: Request, caller: Identity, action: str, statements: tuple[str, ...], values: dict[str, Any]
) -> dict[str, Any] | None:
    """The row that the last statement wrote, with the act in the audit trail; None when it wrote none."""
    async with request.app.state.write_pool.connection() as connection, connection.transaction():
        async with connection.cursor(row_factory=dict_row) as cursor:
            for statement in statements:
                await cursor.execute(statement, values)
            row: dict[str, Any] | None = await cursor.fetchone()
        if row is not None:
            request_id = request.scope.get("request_id")
            await append_async(connection, act(row, action, caller.id or "", caller.credential or "", request_id))
    return row


def _unknown() -> WebhookUnknown:
    return WebhookUnknown("See GET /v1/me/webhooks for yours.")

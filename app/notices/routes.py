"""`/v1/me/notices`: what the caller's operator is told."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from app.access.caller import Caller
from app.answers import MEDIA_TYPE
from app.notices import reading
from app.paging import DEFAULT_LIMIT, LARGEST_LIMIT, require_single_values
from app.problems import CredentialsInvalid, CredentialsMissing, InvalidRequest, OperatorMissing, documented

router = APIRouter(tags=["notices"])


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NoticeQuery(Part):
    """Where to go on from."""

    after: int = Field(0, ge=0, le=2**63 - 1, description="`next` of the page before")
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=LARGEST_LIMIT)


class NoticeDocument(Part):
    """One notice to the caller's operator. `kind` and `key` name what it is about."""

    number: int = Field(description="Its place among the notices to this operator; none is left out")
    at: datetime
    code: str = Field(examples=["mailbox.holder_inactive"])
    kind: str = Field(examples=["mailbox"])
    key: str = Field(examples=["anne.exemple@ch-exemple.mssante.fr"])
    detail: dict[str, Any]


class NoticePage(Part):
    """Notices, oldest first. `next` always goes on: ask again with it later."""

    items: list[NoticeDocument]
    next: int


@router.get(
    "/v1/me/notices",
    responses={
        200: {"model": NoticePage},
        **documented(CredentialsMissing, CredentialsInvalid, OperatorMissing, InvalidRequest),
    },
)
async def read_notices(request: Request, query: Annotated[NoticeQuery, Query()], caller: Caller) -> Response:
    """What happened to the mailboxes, domains and transfers of the caller's operator without its doing."""
    require_single_values(request)
    if caller.operator is None:
        raise OperatorMissing("Notices are for operators, and this credential acts for none.")
    state = request.app.state
    found = await reading.page(state.pool, state.engine, caller.operator, query.after, query.limit)
    following = found[-1][0] if found else query.after
    body = f'{{"items":[{",".join(item for _, item in found)}],"next":{following}}}'
    return Response(body, headers={"Cache-Control": "no-store"}, media_type=MEDIA_TYPE)

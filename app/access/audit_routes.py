"""`/v1/audit`: who did what, for callers with the scope audit."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from app.access import audit_reading
from app.access.audit_reading import AuditQuery
from app.paging import Total
from app.problems import (
    CredentialsInvalid,
    CredentialsMissing,
    CursorInvalid,
    InvalidRequest,
    ScopeMissing,
    documented,
)
from app.publication.listing import listed, opened

router = APIRouter(tags=["audit"])

CLOSED = (CredentialsMissing, CredentialsInvalid, ScopeMissing)
HEAD = "SELECT sequence, encode(hash, 'hex'), count FROM audit_head"


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ActDocument(Part):
    """One act. Its `hash` = SHA-256 of the act as canonical JSON (RFC 8785) without `previous` and `hash`, followed by
    the 32 bytes of `previous`.
    """

    sequence: int
    at: datetime
    actor: str = Field(description="Who: id of the caller, or `account NAME` for a command", examples=["k3l5m7n2p4"])
    credential: str = Field(description="By what", examples=["key:k3l5m7n2p4"])
    operator: str | None = Field(description="On whose behalf", examples=["1990000010"])
    action: str = Field(examples=["mailbox.created"])
    object_kind: str = Field(examples=["mailbox"])
    object_key: str = Field(examples=["anne.exemple@ch-exemple.mssante.fr"])
    before: str | None = Field(description="SHA-256 of the object before, in hexadecimal digits")
    after: str | None = Field(description="SHA-256 of the object after")
    detail: str
    request_id: str | None
    previous: str = Field(description="Hash of the act before; of the first one 64 zeros")
    hash: str


class AuditPage(Part):
    """Acts, newest first."""

    items: list[ActDocument]
    next: str | None
    total: Total
    edition: int


class AuditHeadDocument(Part):
    """Where the trail ends. Whoever keeps it can show later that nothing up to there was changed."""

    sequence: int
    hash: str
    count: int


@router.get("/v1/audit", responses={200: {"model": AuditPage}, **documented(*CLOSED, CursorInvalid, InvalidRequest)})
async def list_acts(request: Request, query: Annotated[AuditQuery, Query()]) -> Response:
    """Every write and every administrative act, newest first."""
    found = await audit_reading.page(request.app.state.pool, query, opened(request, query))
    return listed(request, query, found)


@router.get("/v1/audit/head", responses=documented(*CLOSED))
async def read_head(request: Request) -> AuditHeadDocument:
    """The last act of the trail, whose hash covers all acts before it."""
    async with request.app.state.pool.connection() as connection:
        sequence, digest, count = await (await connection.execute(HEAD)).fetchone()
    return AuditHeadDocument(sequence=sequence, hash=digest, count=count)

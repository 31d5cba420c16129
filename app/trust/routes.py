"""`/v1/trust`: who may publish in which domain."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.paging import ListQuery
from app.problems import CursorInvalid, InvalidRequest, documented
from app.publication.listing import listed, opened
from app.trust import reading
from app.trust.schemas import DomainPage, DomainQuery, OperatorPage

router = APIRouter(tags=["trust"])


@router.get("/v1/trust/domains", responses={200: {"model": DomainPage}, **documented(CursorInvalid, InvalidRequest)})
async def list_domains(request: Request, query: Annotated[DomainQuery, Query()]) -> Response:
    """The domains of the white list with their owners."""
    found = await reading.domains(request.app.state.pool, query, opened(request, query))
    return listed(request, query, found)


@router.get(
    "/v1/trust/operators", responses={200: {"model": OperatorPage}, **documented(CursorInvalid, InvalidRequest)}
)
async def list_operators(request: Request, query: Annotated[ListQuery, Query()]) -> Response:
    """The operators of the trust space with their certificates and domains."""
    found = await reading.operators(request.app.state.pool, query, opened(request, query))
    return listed(request, query, found)

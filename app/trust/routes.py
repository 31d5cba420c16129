"""`/v1/trust`: who may publish in which domain, for people and programs, and as our own white list."""

from email.utils import format_datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from app.answers import body_tag, tagged
from app.paging import Id, require_single_values
from app.problems import CursorInvalid, InvalidRequest, Problem, documented
from app.publication.listing import listed, opened
from app.trust import reading
from app.trust.schemas import DomainPage, DomainQuery, Operator, OperatorPage, OperatorQuery
from app.trust.white_list import WhiteList

router = APIRouter(tags=["trust"])

SIGNATURE = "White-List-Signature"
XML, JOSE = "application/xml", "application/jose"


class OperatorUnknown(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "operator.unknown"
    title = "There is no such operator"


class WhiteListUnsigned(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "white_list.unsigned"
    title = "This installation does not sign its white list"


@router.get("/v1/trust/domains", responses={200: {"model": DomainPage}, **documented(CursorInvalid, InvalidRequest)})
async def list_domains(request: Request, query: Annotated[DomainQuery, Query()]) -> Response:
    """The domains of the white list with their owners."""
    found = await reading.domains(request.app.state.pool, query, opened(request, query))
    return listed(request, query, found)


@router.get(
    "/v1/trust/operators", responses={200: {"model": OperatorPage}, **documented(CursorInvalid, InvalidRequest)}
)
async def list_operators(request: Request, query: Annotated[OperatorQuery, Query()]) -> Response:
    """The operators of the trust space with their certificates and domains, by state or by domain."""
    found = await reading.operators(request.app.state.pool, query, opened(request, query))
    return listed(request, query, found)


@router.get(
    "/v1/trust/operators/{id}",
    responses={200: {"model": Operator}, **documented(OperatorUnknown, InvalidRequest)},
)
async def read_operator(
    request: Request, asked: Annotated[Id, Path(alias="id", description="As the list of operators gives it")]
) -> Response:
    """One operator: state, certificates, domains, and whether its conformity is in force."""
    edition, document = await reading.operator(request.app.state.pool, asked)
    if document is None:
        raise OperatorUnknown("See GET /v1/trust/operators for those that there are.", edition=edition)
    body = document.encode()
    return tagged(request, body, body_tag(body), edition)


@router.get("/v1/trust/whitelist.xml", responses={200: {"content": {XML: {}}, "description": "ListeBlancheMSSante"}})
async def read_white_list(request: Request) -> Response:
    """Our white list in the national schema, with an enveloped XMLDSig where the installation signs."""
    edition, made = await _current(request)
    extra = _headers(made, "enveloped" if made.jws else "none")
    return tagged(request, made.xml, made.xml_tag, edition, extra, XML)


@router.get(
    "/v1/trust/whitelist.jws",
    responses={200: {"content": {JOSE: {}}, "description": "Compact JWS"}, **documented(WhiteListUnsigned)},
)
async def read_signed_white_list(request: Request) -> Response:
    """The same as a JWS whose payload is JSON: generated_at, number, and domains with their certificates."""
    edition, made = await _current(request)
    if made.jws is None:
        raise WhiteListUnsigned("Take whitelist.xml over TLS, or ask the trust space for a signature.", edition=edition)
    return tagged(request, made.jws, made.jws_tag, edition, _headers(made, "jws"), JOSE)


async def _current(request: Request) -> tuple[int, WhiteList]:
    require_single_values(request)
    current: tuple[int, WhiteList] = await request.app.state.white_lists.current(request.app.state.pool)
    return current


def _headers(made: WhiteList, signature: str) -> dict[str, str]:
    return {"Last-Modified": format_datetime(made.state.changed_at, usegmt=True), SIGNATURE: signature}

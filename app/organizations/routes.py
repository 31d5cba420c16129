"""`/v1/organizations`: one by any of its ids, searches, batches."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from app.identifiers import organization_candidates
from app.organizations import queries
from app.organizations.schemas import Organization, OrganizationBatch, OrganizationPage, OrganizationQuery
from app.paging import Id
from app.problems import CursorInvalid, InvalidRequest, Problem, documented
from app.publication.listing import Found, listed, opened
from app.publication.lookup import found_batch, found_one
from app.publication.names import folded
from app.publication.schemas import Lookup
from app.standby.sources import Source, read

router = APIRouter(tags=["organizations"])


class OrganizationUnknown(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "organization.unknown"
    title = "No such structure is published"


class OrganizationAmbiguous(Problem):
    status = HTTPStatus.CONFLICT
    code = "organization.ambiguous"
    title = "Several structures have this id"


@router.get(
    "/v1/organizations/{id:path}",
    responses={
        200: {"model": Organization},
        **documented(OrganizationUnknown, OrganizationAmbiguous, InvalidRequest),
    },
)
async def read_organization(
    request: Request,
    asked: Annotated[Id, Path(alias="id", description="FINESS, SIRET, national identification or technical id")],
) -> Response:
    """One structure by any of its ids. An id of several structures is a conflict that names them."""
    candidates = organization_candidates(asked)
    return await found_one(request, "organization", asked, candidates, OrganizationUnknown, OrganizationAmbiguous)


@router.get(
    "/v1/organizations",
    responses={200: {"model": OrganizationPage}, **documented(CursorInvalid, InvalidRequest)},
)
async def search_organizations(request: Request, query: Annotated[OrganizationQuery, Query()]) -> Response:
    """Structures by name (exact, beginning, every word, nearly so), city, postal code, department, type or parent."""
    after = opened(request, query)

    async def page(source: Source) -> Found:
        keys = await folded(source.pool, {"name": query.name, "city": query.city})
        return await queries.of_query(query, keys["name"], keys["city"]).page(source.pool, after, query.limit)

    return listed(request, query, await read(request, page))


@router.post("/v1/organizations/lookup", responses={200: {"model": OrganizationBatch}, **documented(InvalidRequest)})
async def look_up_organizations(request: Request, body: Lookup) -> Response:
    """Up to 1 000 ids at once: one result for each, in order."""
    candidates = [organization_candidates(text) for text in body.ids]
    return await found_batch(request, "organization", body.ids, candidates)

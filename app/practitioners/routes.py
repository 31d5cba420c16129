"""`/v1/practitioners`: one by any of the ids, searches, batches."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from app.answers import untagged
from app.identifiers import practitioner_keys
from app.paging import Id
from app.practitioners import queries
from app.practitioners.schemas import Practitioner, PractitionerBatch, PractitionerPage, PractitionerQuery
from app.problems import CursorInvalid, InvalidRequest, Problem, documented
from app.publication.listing import listed, opened
from app.publication.lookup import found_one
from app.publication.names import folded
from app.publication.reading import batch
from app.publication.schemas import Lookup

router = APIRouter(tags=["practitioners"])


class PractitionerUnknown(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "practitioner.unknown"
    title = "No such professional is published"


class PractitionerAmbiguous(Problem):
    status = HTTPStatus.CONFLICT
    code = "practitioner.ambiguous"
    title = "Several professionals have this id"


@router.get(
    "/v1/practitioners/{id:path}",
    responses={
        200: {"model": Practitioner},
        **documented(PractitionerUnknown, PractitionerAmbiguous, InvalidRequest),
    },
)
async def read_practitioner(
    request: Request,
    asked: Annotated[Id, Path(alias="id", description="RPPS or national identification; a `/` in it percent-encoded")],
) -> Response:
    """One professional with roles and mailboxes, the preferred mailbox first."""
    return await found_one(
        request, "practitioner", asked, _candidates(asked), PractitionerUnknown, PractitionerAmbiguous
    )


@router.get(
    "/v1/practitioners",
    responses={200: {"model": PractitionerPage}, **documented(CursorInvalid, InvalidRequest)},
)
async def search_practitioners(request: Request, query: Annotated[PractitionerQuery, Query()]) -> Response:
    """Professionals by name (exact, then beginning), profession, specialty, place or structure."""
    after, pool = opened(request, query), request.app.state.pool
    texts = {"name": query.name, "family": query.family, "given": query.given, "city": query.city}
    found = await queries.of_query(query, await folded(pool, texts)).page(pool, after, query.limit)
    return listed(request, query, found)


@router.post("/v1/practitioners/lookup", responses={200: {"model": PractitionerBatch}, **documented(InvalidRequest)})
async def look_up_practitioners(request: Request, body: Lookup) -> Response:
    """Up to 1 000 ids at once: one result for each, in order."""
    candidates = [_candidates(text) for text in body.ids]
    edition, answer = await batch(request.app.state.pool, "practitioner", body.ids, candidates)
    return untagged(answer, edition)


def _candidates(text: str) -> tuple[str, ...]:
    """What the text may stand for: itself as a key of any form, or a number to which a type belongs."""
    return tuple(dict.fromkeys((text, *practitioner_keys(text))))

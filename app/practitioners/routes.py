"""`/v1/practitioners`: one by any of the ids, searches, batches."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from app.budgets.breadth import SearchTooBroad, require_narrow
from app.budgets.charging import BudgetExhausted
from app.identifiers import practitioner_keys
from app.paging import Id
from app.practitioners import queries
from app.practitioners.schemas import Practitioner, PractitionerBatch, PractitionerPage, PractitionerQuery
from app.problems import CursorInvalid, InvalidRequest, Problem, documented
from app.publication.listing import Found, disclosed, opened
from app.publication.lookup import found_batch, found_one
from app.publication.names import folded
from app.publication.schemas import Lookup
from app.standby.sources import Source, read

router = APIRouter(tags=["practitioners"])

NAMES = ("name", "family", "given")
# What narrows a search besides a name. Whether somebody has a mailbox does not.
FILTERS = ("profession", "specialty", "department", "postal_code", "city", "organization")


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
        **documented(PractitionerUnknown, PractitionerAmbiguous, InvalidRequest, BudgetExhausted),
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
    responses={
        200: {"model": PractitionerPage},
        **documented(CursorInvalid, InvalidRequest, SearchTooBroad, BudgetExhausted),
    },
)
async def search_practitioners(request: Request, query: Annotated[PractitionerQuery, Query()]) -> Response:
    """Professionals by name (exact, then beginning), profession, specialty, place or structure."""
    after = opened(request, query)
    texts = {"name": query.name, "family": query.family, "given": query.given, "city": query.city}

    async def page(source: Source) -> Found:
        keys = await folded(source.pool, texts)
        require_narrow(request, {name: keys[name] for name in NAMES}, [getattr(query, name) for name in FILTERS])
        return await queries.of_query(query, keys).page(source.pool, after, query.limit)

    return await disclosed(request, "practitioner", query, await read(request, page))


@router.post(
    "/v1/practitioners/lookup",
    responses={200: {"model": PractitionerBatch}, **documented(InvalidRequest, BudgetExhausted)},
)
async def look_up_practitioners(request: Request, body: Lookup) -> Response:
    """Up to 1 000 ids at once: one result for each, in order."""
    return await found_batch(request, "practitioner", body.ids, [_candidates(text) for text in body.ids])


def _candidates(text: str) -> tuple[str, ...]:
    """What the text may stand for: itself as a key of any form, or a number to which a type belongs."""
    return tuple(dict.fromkeys((text, *practitioner_keys(text))))

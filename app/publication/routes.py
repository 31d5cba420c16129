"""`/v1/edition` and `/v1/changes`: the numbered state, and how it came to be. Its proof: digest_routes."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.admission import place_of
from app.answers import body_tag, tagged, tell_shown
from app.paging import require_single_values
from app.problems import CredentialsInvalid, CredentialsMissing, CursorInvalid, InvalidRequest, ScopeMissing, documented
from app.publication import feed
from app.publication.arrivals import TooManyWaiting
from app.publication.feed_proof import proved
from app.publication.long_poll import awaited
from app.publication.schemas import EditionState, FeedPage, FeedQuery
from app.publication.state import DigestBeingReckoned, state
from app.standby.demand import require_edition
from app.standby.sources import read

router = APIRouter(tags=["publication"])


@router.get("/v1/edition", responses={200: {"model": EditionState}})
async def read_edition(request: Request) -> Response:
    """The number of the current state, what still waits to be published, and the sources it was made from."""
    edition, body = await state(request.app.state.pool)
    return tagged(request, body, body_tag(body), edition)


@router.get(
    "/v1/changes",
    responses={
        200: {"model": FeedPage},
        **documented(
            *(feed.FeedCursorExpired, TooManyWaiting, DigestBeingReckoned, CursorInvalid, InvalidRequest),
            *(CredentialsMissing, CredentialsInvalid, ScopeMissing),
        ),
    },
)
async def read_changes(request: Request, query: Annotated[FeedQuery, Query()]) -> Response:
    """Every change of the directory in order, each with the current document. For keys with scope `read`.

    With `wait` an empty page is held back until something is published, at most so many seconds. With `digest` a page
    that ends at `edition` brings the digest of that edition, so that a copy is compared at the very state that it has.
    """
    require_single_values(request)
    held = request.app.state
    caller, readmit = request.state.caller.credential, request.state.readmit
    aside = place_of(request.scope).aside
    page = await awaited(held.arrivals, partial(_page, request), query, caller, aside, readmit)
    if query.digest:
        page = await proved(held.digests, held.pool, held.feed_cursors, query)
    tell_shown(request, page.shown)
    return tagged(request, page.body, body_tag(page.body), page.edition)


async def _page(request: Request, query: FeedQuery, least: int) -> feed.Page:
    """A page of an edition that is at least `least`, and at least what the cursor holds. Raises as feed.page."""
    cursors: feed.FeedCursors = request.app.state.feed_cursors
    held = 0 if query.after is None else cursors.open(query.after).sequence
    require_edition(request, max(held, least))
    return await read(request, lambda source: feed.page(source.pool, cursors, query))

"""`/v1/edition`, `/v1/changes`, `/v1/digest`: the numbered state, how it came to be, and its proof."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.answers import body_tag, tagged, tell_shown
from app.paging import require_single_values
from app.problems import CredentialsInvalid, CredentialsMissing, CursorInvalid, InvalidRequest, ScopeMissing, documented
from app.publication import feed
from app.publication.arrivals import TooManyWaiting
from app.publication.long_poll import awaited
from app.publication.schemas import DigestState, EditionState, FeedPage, FeedQuery
from app.publication.state import Digests, digest_body, state

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
            *(feed.FeedCursorExpired, TooManyWaiting, CursorInvalid, InvalidRequest),
            *(CredentialsMissing, CredentialsInvalid, ScopeMissing),
        ),
    },
)
async def read_changes(request: Request, query: Annotated[FeedQuery, Query()]) -> Response:
    """Every change of the directory in order, each with the current document. For keys with scope `read`.

    With `wait` an empty page is held back until something is published, at most so many seconds.
    """
    require_single_values(request)
    held = request.app.state
    caller, readmit = request.state.caller.credential, request.state.readmit
    page = await awaited(held.arrivals, held.pool, held.feed_cursors, query, caller, readmit)
    tell_shown(request, page.shown)
    return tagged(request, page.body, body_tag(page.body), page.edition)


@router.get("/v1/digest", responses={200: {"model": DigestState}})
async def read_digest(request: Request) -> Response:
    """The digest of the current edition: equal digests are equal directories.

    The holder of a copy computes the same root. Each resource has a name, `kind/key`, and a fingerprint, the SHA-256
    of its document as canonical JSON (RFC 8785) without `sequence`, `published_at`, `updated_at` and `fingerprint`.
    The first two bytes of SHA-256(name) choose one of 65 536 slots. A slot is the SHA-256 of its resources in byte
    order of their names, each as name, a zero byte and the 32 bytes of the fingerprint; an empty slot is that of
    nothing. A node is the SHA-256 of 256 slots, the root the SHA-256 of the 256 nodes.
    """
    digests: Digests = request.app.state.digests
    digest = await digests.current(request.app.state.pool)
    body = digest_body(digest)
    return tagged(request, body, body_tag(body), digest.edition)

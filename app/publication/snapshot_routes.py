"""`/v1/snapshots`: the full files, from which a copy begins."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from app.answers import body_tag, tagged, tell_shown
from app.problems import CredentialsInvalid, CredentialsMissing, InvalidRequest, ScopeMissing, documented
from app.publication.feed import FeedCursors
from app.publication.schemas import SnapshotList
from app.publication.snapshot_files import MANIFEST
from app.publication.snapshot_reading import (
    MEDIA_TYPES,
    Offered,
    RangeNotSatisfiable,
    SnapshotBeingMade,
    SnapshotUnknown,
    SnapshotWithdrawn,
    absent,
    offered,
    read,
)
from app.settings import Settings
from app.signing import Signing, SigningKeyMissing

router = APIRouter(tags=["publication"])

REFUSALS = (CredentialsMissing, CredentialsInvalid, ScopeMissing)
Edition = Annotated[int, Path(ge=0, le=2**63 - 1, description="Edition of the files")]
FILES: dict[str, dict[str, Any]] = {media_type: {} for media_type in (*MEDIA_TYPES.values(), "text/plain")}
Name = Annotated[str, Path(max_length=100, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.]*$", description="Name of the file")]


@router.get("/v1/snapshots", responses={200: {"model": SnapshotList}, **documented(SnapshotBeingMade, *REFUSALS)})
async def list_snapshots(request: Request) -> Response:
    """The full files that are offered, newest edition first. For keys with scope `read`.

    Take those of one edition, then go on with the feed: `after=` the `next` that stands with them.
    """
    settings: Settings = request.app.state.settings
    found = await offered(request.app.state.pool)
    if not found.files and found.edition and settings.snapshot_hours:
        raise SnapshotBeingMade("None is offered at the moment.", edition=found.edition, retry_after=found.retry_after)
    return _listed(request, found)


@router.get(
    "/v1/snapshots/{edition}",
    responses={
        200: {"model": SnapshotList},
        **documented(SnapshotWithdrawn, SnapshotUnknown, InvalidRequest, *REFUSALS),
    },
)
async def list_snapshot(request: Request, edition: Edition) -> Response:
    """The full files of one edition. For keys with scope `read`."""
    found = await offered(request.app.state.pool, edition)
    if not found.files:
        raise await absent(request.app.state.pool, edition)
    return _listed(request, found)


@router.get(
    "/v1/snapshots/{edition}/{file}",
    response_class=Response,
    responses={
        200: {"description": "The file", "content": FILES},
        206: {"description": "The part that the header `Range` asked for", "content": FILES},
        **documented(
            *(SnapshotWithdrawn, SnapshotUnknown, SigningKeyMissing, SnapshotBeingMade, RangeNotSatisfiable),
            *(InvalidRequest, *REFUSALS),
        ),
    },
)
async def read_snapshot(request: Request, edition: Edition, file: Name) -> Response:
    """One file, wholly or in part (`Range`, `If-Range`); its `ETag` is its SHA-256. For keys with scope `read`.

    A file that shows somebody who is hidden, or struck off, since can be fetched by nobody: 410 `snapshot.withdrawn`.
    """
    state = request.app.state
    try:
        answer, shown = await read(request, state.pool, state.settings.snapshot_dir, edition, file)
    except SnapshotUnknown:
        signing: Signing = state.signing
        if file == MANIFEST:
            signing.required()
        raise
    tell_shown(request, shown)
    return answer


def _listed(request: Request, found: Offered) -> Response:
    cursors: FeedCursors = request.app.state.feed_cursors
    items = [
        {
            **file,
            "made_at": file["made_at"].isoformat().replace("+00:00", "Z"),
            "url": f"/v1/snapshots/{file['edition']}/{file['file']}",
            "next": cursors.seal(found.epoch, file["edition"]),
        }
        for file in found.files
    ]
    body = json.dumps({"items": items, "edition": found.edition, "epoch": found.epoch}).encode()
    return tagged(request, body, body_tag(body), found.edition)

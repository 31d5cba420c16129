"""What is offered, and one file of it: asked of the database at every request, for a file that shows somebody who is
hidden since must be fetched by nobody.
"""

import re
from base64 import b64encode
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import anyio
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from app.answers import EDITION, matches
from app.problems import Problem
from app.publication.reading import Pool
from app.publication.snapshot_clock import LEAST_BETWEEN

RETRY_LEAST, RETRY_MOST = 30, 600
LISTED = """
SELECT d.edition, d.epoch, s.edition, s.file, s.bytes, s.sha256, s.made_at,
  extract(epoch FROM (SELECT max(x.made_at) FROM snapshot x) + %(between)s - now())::double precision
FROM (SELECT * FROM directory LIMIT 1) d
LEFT JOIN snapshot s
  ON s.epoch = d.epoch AND s.state = 'offered' AND (%(edition)s::bigint IS NULL OR s.edition = %(edition)s)
ORDER BY s.edition DESC, s.file
"""
ONE = """
SELECT s.bytes, s.sha256, s.resources, s.state FROM snapshot s JOIN directory d ON d.epoch = s.epoch
WHERE s.edition = %s AND s.file = %s AND s.state <> 'expired'
"""
WITHDRAWN = "SELECT FROM snapshot WHERE edition = %s AND state = 'withdrawn' LIMIT 1"
TEXT = "text/plain; charset=utf-8"
MEDIA_TYPES = {".zst": "application/zstd", ".zip": "application/zip", ".jws": "application/jose"}
ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class SnapshotBeingMade(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "snapshot.being_made"
    title = "The full files are being made"


class SnapshotWithdrawn(Problem):
    status = HTTPStatus.GONE
    code = "snapshot.withdrawn"
    title = "These full files were withdrawn"


class SnapshotUnknown(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "snapshot.unknown"
    title = "There are no such full files"


class RangeNotSatisfiable(Problem):
    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    code = "snapshot.range_not_satisfiable"
    title = "The file ends before this range"


class Offered(NamedTuple):
    """The files that are offered, newest edition first, and how long to wait where there are none."""

    edition: int
    epoch: str
    files: list[dict[str, Any]]
    retry_after: int


async def offered(pool: Pool, edition: int | None = None) -> Offered:
    """All files that are offered, or those of one edition."""
    async with pool.connection() as connection:
        rows = await (await connection.execute(LISTED, {"edition": edition, "between": LEAST_BETWEEN})).fetchall()
    files = [
        {"edition": row[2], "file": row[3], "bytes": row[4], "sha256": row[5], "made_at": row[6]}
        for row in rows
        if row[2] is not None
    ]
    wait = RETRY_LEAST if rows[0][7] is None else int(rows[0][7])
    return Offered(rows[0][0], rows[0][1], files, min(RETRY_MOST, max(RETRY_LEAST, wait)))


async def absent(pool: Pool, edition: int) -> Problem:
    """Why an edition has no such file."""
    async with pool.connection() as connection:
        withdrawn = await (await connection.execute(WITHDRAWN, (edition,))).fetchone()
    if withdrawn is not None:
        return SnapshotWithdrawn("They show somebody who is hidden since. Take newer ones: GET /v1/snapshots.")
    return SnapshotUnknown("See GET /v1/snapshots for those that are offered.")


async def read(request: Request, pool: Pool, folder: Path, edition: int, file: str) -> tuple[Response, int]:
    """A file, or the part that the header Range asks for, and how many resources the whole file shows.

    Raises SnapshotWithdrawn, SnapshotUnknown, SnapshotBeingMade, RangeNotSatisfiable.
    """
    async with pool.connection() as connection:
        row = await (await connection.execute(ONE, (edition, file))).fetchone()
    if row is None or row[3] != "offered":
        raise await absent(pool, edition)
    size, sha256, resources, _ = row
    path = folder / str(edition) / file
    if not await anyio.Path(path).is_file():
        # Withdrawn in this very moment, or a node that does not see the worker's folder.
        raise SnapshotBeingMade("This node does not have the file. Ask for GET /v1/snapshots.", retry_after=RETRY_LEAST)
    tag = f'"{sha256}"'
    headers = {
        "ETag": tag,
        EDITION: str(edition),
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
        # RFC 9530, of the whole file.
        "Repr-Digest": f"sha-256=:{b64encode(bytes.fromhex(sha256)).decode()}:",
    }
    if (held := request.headers.get("if-none-match")) is not None and matches(held, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers), 0
    media_type = MEDIA_TYPES.get(path.suffix, TEXT)
    if request.scope.get("annuaire.head"):
        return Response(headers={**headers, "Content-Length": str(size)}, media_type=media_type), 0
    _keep_one_range(request, size, edition)
    return FileResponse(path, headers=headers, media_type=media_type, filename=file), resources


def _keep_one_range(request: Request, size: int, edition: int) -> None:
    """Leave a range that we answer; any other header is no request for a part (RFC 9110 §14.2). Raises
    RangeNotSatisfiable.
    """
    asked = request.headers.get("range")
    if asked is None:
        return
    found = ONE_RANGE.fullmatch(asked.strip())
    first, last = found.groups() if found else ("", "")
    if not (first or last) or (first and last and int(first) > int(last)):
        request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]
    elif (first and int(first) >= size) or (not first and not int(last)):
        problem = RangeNotSatisfiable(f"It has {size} bytes.", edition=edition)
        problem.headers = {"Content-Range": f"bytes */{size}"}  # type: ignore[misc] # of this one answer
        raise problem

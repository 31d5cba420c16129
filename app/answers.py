"""Answers of the directory as ready bytes: ETag, If-None-Match, Directory-Edition.

Bodies are joined from documents that PostgreSQL holds as text; nothing is parsed or built again on the way out.
"""

from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPE = "application/json"
EDITION = "Directory-Edition"
# A copy may be kept but must be asked for again: what was hidden a moment ago must not be shown.
CACHE_CONTROL = "no-cache"
TAG_DIGITS = 16
READY_TYPE = (b"content-type", MEDIA_TYPE.encode())
READY_CACHE_CONTROL = (b"cache-control", CACHE_CONTROL.encode())


class Ready(Response):
    """An answer whose headers are bytes already: nothing is encoded or looked up for it."""

    def __init__(self, status_code: int, headers: list[tuple[bytes, bytes]], body: bytes = b"") -> None:
        self.status_code = status_code
        self.raw_headers = headers
        self.body = body
        self.background = None


def body_tag(body: bytes) -> str:
    """ETag of an answer that is made of several resources."""
    return f'"{sha256(body).hexdigest()[:TAG_DIGITS]}"'


def tagged(
    request: Request,
    body: bytes,
    tag: str,
    edition: int,
    extra: dict[str, str] | None = None,
    media_type: str = MEDIA_TYPE,
) -> Response:
    """200 with the body, or 304 without it when the caller holds this very state."""
    headers = {"ETag": tag, EDITION: str(edition), "Cache-Control": CACHE_CONTROL, **(extra or {})}
    held = request.headers.get("if-none-match")
    if held is not None and matches(held, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


def resource(request: Request, document: Callable[[], bytes], tag: bytes, edition: bytes) -> Response:
    """200 with a document, or 304 to whoever holds this very state: then nothing of the document is copied.

    `tag`: the change that last touched it and the first 16 hex digits of its fingerprint.
    """
    held = next((value for name, value in request.scope["headers"] if name == b"if-none-match"), None)
    headers = [(b"etag", tag), (b"directory-edition", edition), READY_CACHE_CONTROL]
    if held is not None and matches(held.decode("latin-1"), tag.decode()):
        return Ready(HTTPStatus.NOT_MODIFIED, headers)
    body = document()
    return Ready(HTTPStatus.OK, [*headers, (b"content-length", b"%d" % len(body)), READY_TYPE], body)


def untagged(body: bytes, edition: int) -> Response:
    """200 to a POST, which is never cached and carries no ETag."""
    return Response(body, headers={EDITION: str(edition), "Cache-Control": "no-store"}, media_type=MEDIA_TYPE)


def tell_shown(request: Request, resources: int) -> None:
    """Say how many resources the answer holds: noted where the route is a read of the directory (app.access.rules)."""
    if "shown" in request.scope["state"]:
        request.state.shown = resources


def matches(held: str, tag: str) -> bool:
    """RFC 9110 §13.1.2: a list of tags or `*`, compared weakly."""
    return held.strip() == "*" or any(each.strip().removeprefix("W/") == tag for each in held.split(","))

"""The file of `POST /v1/imports`: received before the transaction begins, removed when that fails."""

from collections.abc import AsyncIterator
from email.message import Message
from functools import partial
from typing import Annotated, NamedTuple

import anyio
from anyio.to_thread import run_sync
from fastapi import Depends, Query, Request

from app.imports import wishes
from app.imports.runs import new_run
from app.imports.schemas import UploadQuery
from app.imports.spool import Spool, Upload, file_name
from app.imports.wishes import Admin
from app.paging import require_single_values

REPEATABLE = frozenset({"accept_guard"})


class Asked(NamedTuple):
    """A file that came in, and what its admin wants with it."""

    upload: Upload
    admin: Admin
    is_applied: bool


async def uploaded(request: Request, query: Annotated[UploadQuery, Query()]) -> AsyncIterator[Asked]:
    """The file, whole on disk. What can be refused without it is refused before its first byte is read."""
    require_single_values(request, repeatable=REPEATABLE)
    spool: Spool = request.app.state.spool
    admin = wishes.admin_of(request.state.caller.id, query.accept_guard)
    await wishes.require_room_early(request.app.state.pool)
    length = request.headers.get("content-length", "")
    declared = int(length) if length.isdecimal() else None
    name = file_name(query.name or _name_in(request.headers.get("content-disposition", "")))
    upload = await spool.receive(new_run("upload"), name, declared, request.stream())
    try:
        yield Asked(upload, admin, query.apply)
    except BaseException:
        with anyio.CancelScope(shield=True):
            await run_sync(partial(spool.remove, upload.run))
        raise


# Function scope: the transaction of the route ends, and may fail, before this does.
Uploaded = Annotated[Asked, Depends(uploaded, scope="function")]


def _name_in(disposition: str) -> str:
    """The file name of a Content-Disposition (RFC 6266), also one that was sent as plain UTF-8."""
    message = Message()
    message["content-disposition"] = disposition.encode("latin-1").decode("utf-8", "replace")
    return message.get_filename() or ""

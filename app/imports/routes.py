"""`/v1/imports`: national files and admins' files over REST, on the engine of the command line.

Whoever uploads gets an answer when the file is whole on disk; the worker does the rest (`queue`).
"""

from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response, StreamingResponse

from app.access.caller import Caller
from app.answers import body_tag, tagged
from app.imports import change_pages, run_documents, wishes
from app.imports.problems import (
    Guarded,
    NotApplied,
    NotLatest,
    NotPlanned,
    Outdated,
    PlanLost,
    QueueFull,
    RejectsUnknown,
    RunInProgress,
    RunUnknown,
    SecondPersonRequired,
    StorageFull,
    TooOld,
)
from app.imports.rejects import PLAIN, file_of
from app.imports.schemas import ApplyQuery, ChangePage, Run, RunId, RunPage
from app.imports.template import FILE_NAME, csv_template, xlsx_template
from app.imports.uploading import REPEATABLE, Uploaded
from app.paging import ListQuery, require_single_values
from app.pools import Transaction
from app.problems import (
    CredentialsInvalid,
    CredentialsMissing,
    CursorInvalid,
    InvalidRequest,
    ScopeMissing,
    TooLarge,
    UnreadableRequest,
    WriteBusy,
    documented,
)
from app.publication.listing import listed, opened

router = APIRouter(tags=["imports"])

CSV, TEXT = "text/csv", "text/plain"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CLOSED = (CredentialsMissing, CredentialsInvalid, ScopeMissing)
ASKED = (*CLOSED, RunUnknown, RunInProgress, QueueFull, WriteBusy, InvalidRequest)
# An empty file is a run as well, and its guard `file.empty` refuses it.
FILE = {"requestBody": {"required": False, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}}
BINARY = {"schema": {"type": "string", "format": "binary"}}


@router.post(
    "/v1/imports",
    status_code=202,
    openapi_extra=FILE,
    responses={
        202: {"model": Run},
        **documented(*CLOSED, InvalidRequest, UnreadableRequest, TooLarge, StorageFull, QueueFull),
    },
)
async def upload_file(request: Request, asked: Uploaded, session: Transaction) -> Response:
    """Hand in a file, which the worker plans, and applies with `apply=true`.

    The body is the file itself: plain text, gzip, zip or XLSX, recognised by its content. A zip with several texts
    gives one run for each: the run answered here is that of the first text, `RUN.2` and so on those of the others;
    `runs` lists them as soon as the worker has looked inside. Look at `Location` until `state` is neither waiting nor
    running.
    """
    await wishes.plan(session, asked.upload, asked.admin, is_applied=asked.is_applied)
    return await _accepted(request, session, asked.upload.run)


@router.get("/v1/imports", responses={200: {"model": RunPage}, **documented(*CLOSED, CursorInvalid, InvalidRequest)})
async def list_runs(request: Request, query: Annotated[ListQuery, Query()]) -> Response:
    """The runs of the import engine, newest first, those of the command line included."""
    state = request.app.state
    return listed(
        request, query, await run_documents.page(state.pool, state.spool, opened(request, query), query.limit)
    )


@router.get("/v1/imports/template.csv", responses={200: {"content": {CSV: BINARY}}, **documented(*CLOSED)})
async def read_csv_template() -> Response:
    """The empty form of an admin's file (delta), as CSV."""
    return Response(csv_template(), headers=_attachment(f"{FILE_NAME}.csv"), media_type=CSV)


@router.get("/v1/imports/template.xlsx", responses={200: {"content": {XLSX: BINARY}}, **documented(*CLOSED)})
async def read_xlsx_template() -> Response:
    """The empty form of an admin's file (delta), as a workbook whose cells are text."""
    return Response(xlsx_template(), headers=_attachment(f"{FILE_NAME}.xlsx"), media_type=XLSX)


@router.get("/v1/imports/{run}", responses={200: {"model": Run}, **documented(*CLOSED, RunUnknown, InvalidRequest)})
async def read_run(request: Request, run: RunId) -> Response:
    """One run: its plan, how far it is, its report and its receipt."""
    edition, shown = await run_documents.one(request.app.state.pool, request.app.state.spool, run)
    body = run_documents.as_text(shown).encode()
    return tagged(request, body, body_tag(body), edition)


@router.get(
    "/v1/imports/{run}/changes",
    responses={
        200: {"model": ChangePage, "content": {CSV: BINARY}},
        **documented(*CLOSED, RunUnknown, PlanLost, CursorInvalid, InvalidRequest),
    },
)
async def read_changes_of_run(request: Request, run: RunId, query: Annotated[ListQuery, Query()]) -> Response:
    """What a run would change or changed, row by row and field by field; with `Accept: text/csv` all of it as CSV."""
    state = request.app.state
    if CSV not in request.headers.get("accept", ""):
        return await change_pages.page(request, run, query)
    await run_documents.one(state.pool, state.spool, run)
    blocks = change_pages.exported(state.settings, run, state.exports)
    return StreamingResponse(blocks, headers=_attachment(f"{run}.changes.csv"), media_type=CSV)


@router.get(
    "/v1/imports/{run}/rejects",
    responses={
        200: {"content": {CSV: BINARY, TEXT: BINARY}},
        **documented(*CLOSED, RunUnknown, RejectsUnknown, InvalidRequest),
    },
)
async def read_rejects(request: Request, run: RunId) -> Response:
    """The rejected lines in the shape of the file, with line, code and message: correct them and hand them in again."""
    state = request.app.state
    _, shown = await run_documents.one(state.pool, state.spool, run)
    path = file_of(run, state.spool.rejects)
    if path is None:
        raise RejectsUnknown("No line was rejected, or the file is no longer kept, or a command wrote it elsewhere.")
    name = f"{PurePath(shown['file']).stem}.rejects{path.suffix}"
    kind = TEXT if path.suffix == PLAIN else CSV
    return FileResponse(path, filename=name, media_type=f"{kind}; charset=utf-8", headers={"Cache-Control": "no-store"})


@router.post(
    "/v1/imports/{run}/apply",
    status_code=202,
    responses={
        202: {"model": Run},
        **documented(*ASKED, NotPlanned, Guarded, Outdated, SecondPersonRequired),
    },
)
async def apply_run(
    request: Request, run: RunId, query: Annotated[ApplyQuery, Query()], caller: Caller, session: Transaction
) -> Response:
    """Have the worker apply a plan exactly as it was made. What only the worker can find shows as `refusal`."""
    require_single_values(request, repeatable=REPEATABLE)
    admin = wishes.admin_of(caller.id, query.accept_guard)
    await wishes.apply(session, request.app.state.settings, run, admin)
    return await _accepted(request, session, run)


@router.post(
    "/v1/imports/{run}/undo",
    status_code=202,
    responses={202: {"model": Run}, **documented(*ASKED, NotApplied, NotLatest, TooOld)},
)
async def undo_run(request: Request, run: RunId, caller: Caller, session: Transaction) -> Response:
    """Have the worker take back the latest applied run of its source. What only it can find shows as `refusal`."""
    await wishes.undo(session, request.app.state.settings, run, wishes.admin_of(caller.id, []))
    return await _accepted(request, session, run)


async def _accepted(request: Request, session: Transaction, run: str) -> Response:
    shown = await run_documents.asked(session, request.app.state.spool, run)
    headers = {"Location": f"/v1/imports/{run}", "Cache-Control": "no-store"}
    return Response(run_documents.as_text(shown), status_code=202, headers=headers, media_type="application/json")


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}

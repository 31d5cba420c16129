"""`POST /v1/mailboxes/batch`: up to 10 000 writes at once, line by line or all or nothing."""

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from app.mailboxes import write_problems as problems
from app.mailboxes.batch_all import every_line
from app.mailboxes.batch_body import JSON, MOST_LINES, NDJSON, Body, line_count, spooled
from app.mailboxes.batch_each import each_line
from app.mailboxes.batch_slots import BatchSlots
from app.mailboxes.idempotency import Answer, token_of
from app.mailboxes.portions import Size
from app.mailboxes.wish import Content, Operation, TypeCode
from app.mailboxes.write_routes import IDEMPOTENCY_KEY, REFUSED_CALLER, writer_of
from app.mailboxes.writing import Writer
from app.paging import Id, require_single_values
from app.problems import ErrorDocument, InvalidRequest, TooLarge, UnreadableRequest, WriteBusy, documented
from app.publication.schemas import Part

router = APIRouter(tags=["mailboxes: operators' writes"])


class BatchQuery(BaseModel):
    """Parameters of a batch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on_error: Literal["skip", "abort"] = Field(
        "skip", description="skip: write every line that is in order; abort: write all lines, or none"
    )


class BatchLine(Content):
    """One line: an operation on an address, with the members that the same request alone would carry."""

    operation: Operation
    address: Id
    type: TypeCode | None = None
    if_match: Id | None = Field(None, description="ETag of the state changed, as in the header If-Match")
    if_none_match: Id | None = None
    successor: Id | None = Field(None, description="Of delete alone")


class LineResult(Part):
    """What became of one line: the status, code and sentence that the same request alone would have got."""

    line: int = Field(description="Physical line of NDJSON, or place in the list; from 1", examples=[1])
    address: str | None = Field(description="As it was sent; null where there was none to be read")
    status: int = Field(examples=[201])
    code: str | None = Field(None, examples=["domain.not_yours"])
    detail: str | None = None
    errors: list[ErrorDocument] = Field(default_factory=list)


class WriteReport(Part):
    """One result for each line, in order."""

    results: list[LineResult]


def _described() -> dict[str, Any]:
    """The request body in the description of the API: it is read as a stream."""
    line = BatchLine.model_json_schema()
    items = {"type": "array", "maxItems": MOST_LINES, "items": line}
    document = {"type": "object", "required": ["items"], "properties": {"items": items}, "additionalProperties": False}
    content = {JSON: {"schema": document}, NDJSON[0]: {"schema": line}}
    return {"requestBody": {"required": True, "content": content}, "parameters": [IDEMPOTENCY_KEY]}


@router.post(
    "/v1/mailboxes/batch",
    responses={
        200: {"model": WriteReport},
        **documented(
            *REFUSED_CALLER, UnreadableRequest, InvalidRequest, TooLarge, problems.BatchRefused, WriteBusy,
            problems.IdempotencyMismatch, problems.IdempotencyInFlight,
        ),
    },
    openapi_extra=_described(),
)  # fmt: skip
async def write_batch(request: Request, query: Annotated[BatchQuery, Query()]) -> Response:
    """Up to 10 000 writes at once, as one JSON document or as NDJSON; the answer has a result for each line, in order.

    Nothing is written before the whole body has arrived. With `on_error=abort` one bad line stops all: then the answer
    is 422 `batch.refused` with the results.
    """
    require_single_values(request)
    slots: BatchSlots = request.app.state.batches
    writer = writer_of(request)
    with slots.body(writer.operator):
        body = await spooled(request)
        with body.file:
            count = await to_thread.run_sync(line_count, body)
            if count > MOST_LINES:
                raise TooLarge(f"A batch has at most {MOST_LINES} lines; these are {count}.")
            return (await _written(request, query, writer, body)).response()


async def _written(request: Request, query: BatchQuery, writer: Writer, body: Body) -> Answer:
    slots: BatchSlots = request.app.state.batches
    token = token_of(request, writer.operator, body.digest)
    write = every_line if query.on_error == "abort" else each_line
    async with slots.at_work(), request.app.state.write_pool.connection() as connection:
        return await write(connection, writer, body, token, Size(request.app.state.settings.drain_lock_ms))

"""The lines of a batch, one after the other, from a body that lies on the disk: memory stays flat, whatever its size.

    request ─► spooled: the whole body, hashed ─► line_count: is it whole, how many lines? ─► lines: wishes and faults

A body is read whole before anything of it is done: one that was cut short writes nothing. It is NDJSON, an object a
line (empty lines are passed over), or one JSON document `{"items": [object, …]}`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request

from app.mailboxes.strict_json import elements, parse
from app.mailboxes.wish import Operation, Wish, address_of, body_of, invalid
from app.paging import Id
from app.problems import InvalidRequest, Problem, UnreadableRequest

JSON = "application/json"
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
# What fits in memory while a body arrives; a longer one goes on on the disk.
IN_MEMORY = 1_048_576
# No line that can be meant is longer.
LONGEST_LINE = 16_384
MOST_LINES = 10_000
# An address in the report is the one that was sent, if it can be shown.
LONGEST_SHOWN = 300
# Members of a line that are not of the mailbox.
CONTROL = ("operation", "address", "if_match", "if_none_match", "successor")


class Envelope(BaseModel):
    """What a line asks for, beside the members of the mailbox."""

    model_config = ConfigDict(extra="ignore", strict=True)

    operation: Operation
    address: Id
    if_match: Id | None = None
    if_none_match: Id | None = None
    successor: Id | None = None


class Nothing(BaseModel):
    """The members of a mailbox in a withdrawal: none."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number (the physical one of NDJSON, from 1), the address as it was sent, and what it asks for, or
    why it cannot be read.
    """

    number: int
    address: str | None
    wish: Wish | Problem


@dataclass(frozen=True, slots=True)
class Body:
    """A body at hand: its file, its SHA-256, and whether it is NDJSON."""

    file: "SpooledTemporaryFile[bytes]"
    digest: bytes
    is_ndjson: bool


async def spooled(request: Request) -> Body:
    """The whole body of a request. Raises UnreadableRequest for another kind of content. The caller closes the file."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON and kind not in NDJSON:
        raise UnreadableRequest(f"Send the lines with `Content-Type: {NDJSON[0]}` or `{JSON}`.")
    file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the caller closes it
    digest = sha256()
    try:
        async for piece in request.stream():
            file.write(piece)
            digest.update(piece)
    except BaseException:
        file.close()
        raise
    return Body(file, digest.digest(), kind != JSON)


def line_count(body: Body) -> int:
    """How many lines a body has. Raises UnreadableRequest: a document that is not of the form."""
    return sum(1 for _ in (_physical(body) if body.is_ndjson else _items(body)))


def lines(body: Body) -> Iterator[Line]:
    """The lines of a body that `line_count` found whole."""
    if body.is_ndjson:
        for number, raw in _physical(body):
            yield _of_text(number, raw)
        return
    for number, item in enumerate(_items(body), 1):
        yield _of_value(number, item)


def _physical(body: Body) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers. Of one that is too long, its beginning."""
    body.file.seek(0)
    number = 0
    while raw := body.file.readline(LONGEST_LINE + 1):
        number += 1
        rest = raw
        while not rest.endswith(b"\n") and (rest := body.file.readline(LONGEST_LINE)):
            pass
        if raw.strip():
            yield number, raw


def _of_text(number: int, raw: bytes) -> Line:
    if len(raw) > LONGEST_LINE:
        return Line(number, None, UnreadableRequest(f"The line is longer than {LONGEST_LINE} bytes."))
    try:
        return _of_value(number, parse(raw))
    except UnreadableRequest as fault:
        return Line(number, None, fault)


def _of_value(number: int, value: Any) -> Line:
    """What a JSON value asks for."""
    shown = value.get("address") if isinstance(value, dict) else None
    address = shown if isinstance(shown, str) and shown.isprintable() and len(shown) <= LONGEST_SHOWN else None
    try:
        envelope = Envelope.model_validate(value)
        return Line(number, address, _wish(envelope, value))
    except ValidationError as fault:
        return Line(number, address, invalid(fault, ""))
    except Problem as fault:
        return Line(number, address, fault)


def _wish(envelope: Envelope, value: Mapping[str, Any]) -> Wish:
    """A line whose members are wrong is a wish with a fault: that is for the owner of the domain alone."""
    address = address_of(envelope.address)
    members = {name: member for name, member in value.items() if name not in CONTROL}
    body, fault = None, None
    try:
        if envelope.operation == "delete":
            Nothing.model_validate(members)
        else:
            # A successor belongs to a withdrawal: here it is one member too many.
            given = {"successor": value["successor"]} if "successor" in value else {}
            body = body_of(envelope.operation, members | given, "")
    except ValidationError as error:
        fault = invalid(error, "")
    except InvalidRequest as problem:
        fault = problem
    successor = envelope.successor if envelope.operation == "delete" else None
    return Wish(envelope.operation, address, body, fault, envelope.if_match, envelope.if_none_match, successor)


def _items(body: Body) -> Iterator[Any]:
    body.file.seek(0)
    return elements(body.file.read(), "items")

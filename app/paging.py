"""Pages by key: query parameters of lists, sealed cursors, and the body of a page.

A cursor holds the sort key of the last item, sealed by an HMAC over route, filters and key: whoever alters it, or uses
it for another question, gets `cursor.invalid`, never a wrong page.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StringConstraints
from starlette.requests import Request

from app.problems import CursorInvalid, InvalidRequest

DEFAULT_LIMIT, LARGEST_LIMIT = 50, 200
# Counting goes no further: the total of a broad search is told as "at least so many".
COUNTED = 10_000
LONGEST_TERM, LONGEST_CURSOR = 200, 2_000
SEAL_BYTES = 16
# Ends the binding of a cursor that says its edition; no binding of ours ends so (they end with filters, or a path).
DATED = "\0edition"


def _whole(given: object) -> object:
    if isinstance(given, bool | str):
        raise ValueError("give a whole number")  # noqa: TRY004 - pydantic makes a fault of this kind alone
    return int(given) if isinstance(given, float) and given.is_integer() else given


# No control characters: PostgreSQL takes no NUL, and no name or number holds any of them.
Term = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TERM, pattern=r"^[^\x00-\x1f\x7f]*$")]
# An id as it stands in a path or a batch. Longer ones name nobody.
Id = Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
# As a JSON schema has it: 5 and 5.0 are whole numbers, true and "5" are none.
WHOLE = BeforeValidator(_whole)
Cursor = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_CURSOR)]
# Only a page that is cut has it.
Cut = Annotated[
    Literal["budget.exhausted"] | None,
    Field(description="The caller's budget ends here: fewer items than asked for, and `next` goes on tomorrow"),
]
Position = tuple[str | int, ...]


class ListQuery(BaseModel):
    """Parameters of every list. An unknown parameter is refused: a misspelt filter must not pass for none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=LARGEST_LIMIT, description="Items on a page")
    cursor: Cursor | None = Field(None, description="`next` of the page before; with the same filters")

    def filters(self) -> str:
        """What a cursor of this question is bound to."""
        return json.dumps(self.model_dump(exclude={"limit", "cursor"}), sort_keys=True, default=str)


class Total(BaseModel):
    """How many items fit. Not exact means: at least so many."""

    model_config = ConfigDict(extra="forbid")

    value: int = Field(examples=[27])
    exact: bool

    @classmethod
    def of(cls, count: int, counted: int = COUNTED) -> Self:
        """The total of what was counted up to one more than `counted`."""
        return cls(value=min(count, counted), exact=count <= counted)


class Cursors:
    """Seals and opens cursors under a key derived from the pepper in force; opens those of former peppers too."""

    def __init__(self, pepper: SecretStr, *former: SecretStr) -> None:
        peppers = (pepper, *former)
        self._keys = [hmac.digest(each.get_secret_value().encode(), b"annuaire cursor", "sha256") for each in peppers]

    def seal(self, binding: str, position: Sequence[str | int], edition: int | None = None) -> str:
        """An opaque text for this position, good only for the same `binding` (route and filters).

        `edition`: that of the page which it follows, where the next one might be read from an older state.
        """
        dated = position if edition is None else (edition, *position)
        payload = json.dumps(dated, ensure_ascii=False, separators=(",", ":")).encode()
        return encode(self.sign(binding if edition is None else binding + DATED, payload) + payload)

    def open(self, binding: str, cursor: str) -> Position:
        """The position. Raises CursorInvalid."""
        return self.open_dated(binding, cursor)[1]

    def open_dated(self, binding: str, cursor: str) -> tuple[int, Position]:
        """(edition of the page before, or 0 where it is not told; position). Raises CursorInvalid."""
        sealed = decode(cursor)
        seal, payload = sealed[:SEAL_BYTES], sealed[SEAL_BYTES:]
        if self.is_signed(seal, binding, payload):
            return 0, tuple(json.loads(payload))
        if self.is_signed(seal, binding + DATED, payload):
            edition, *position = json.loads(payload)
            return edition, tuple(position)
        raise CursorInvalid("Use `next` of the page before, unchanged and with the same filters.")

    def sign(self, binding: str, payload: bytes) -> bytes:
        return _seal(self._keys[0], binding, payload)

    def is_signed(self, seal: bytes, binding: str, payload: bytes, size: int = SEAL_BYTES) -> bool:
        """Whether these are the first `size` bytes of a seal of ours."""
        return any(hmac.compare_digest(seal, _seal(key, binding, payload)[:size]) for key in self._keys)


def _seal(key: bytes, binding: str, payload: bytes) -> bytes:
    return hmac.digest(key, binding.encode() + b"\0" + payload, "sha256")[:SEAL_BYTES]


def encode(token: bytes) -> str:
    """Bytes as a text that a URL carries without escapes."""
    return urlsafe_b64encode(token).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes of such a text. Raises CursorInvalid, also for a second spelling of the same bytes."""
    try:
        token = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:  # also of text outside ASCII
        token = b""
    if not token or encode(token) != text:
        raise CursorInvalid("This is no cursor of ours. Start without one.")
    return token


def require_single_values(request: Request, repeatable: frozenset[str] = frozenset()) -> None:
    """Refuse a parameter given twice: which of the two was meant is not for us to guess. Raises InvalidRequest."""
    names = [name for name, _ in request.query_params.multi_items() if name not in repeatable]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        faults = [{"pointer": f"/query/{name}", "code": "repeated", "detail": "Given twice."} for name in twice]
        raise InvalidRequest(f"Give each of these once: {', '.join(twice)}.", errors=faults)


def page_body(items: Iterable[str], following: str | None, total: Total, edition: int, cut: str | None = None) -> bytes:
    """The body of a page. `cut` = why it is short."""
    tail = {"next": following, "total": total.model_dump(), "edition": edition} | ({"cut": cut} if cut else {})
    return ('{"items":[' + ",".join(items) + "]," + json.dumps(tail, separators=(",", ":"))[1:]).encode()


def with_member(document: str, name: str, value: Any) -> str:
    """The text of a JSON object with one more member at its end."""
    return f"{document[:-1]},{json.dumps(name)}:{json.dumps(value)}}}"


def next_link(request: Request, following: str | None) -> dict[str, str]:
    """The header that leads to the next page (RFC 8288), or none."""
    if following is None:
        return {}
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return {"Link": f'<{request.url.path}?{urlencode([*query, ("cursor", following)])}>; rel="next"'}

"""JSON as RFC 8259 means it and as every reader understands it: what two readers could take differently is refused."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.problems import UnreadableRequest

SPACE = re.compile(r"[ \t\r\n]*")
BEFORE_LIST = re.compile(r'[ \t\r\n]*\{[ \t\r\n]*"([a-z]+)"[ \t\r\n]*:[ \t\r\n]*\[[ \t\r\n]*')
AFTER_LIST = re.compile(r"\][ \t\r\n]*\}[ \t\r\n]*")
COMMA = re.compile(r"[ \t\r\n]*,[ \t\r\n]*")


def parse(raw: bytes) -> Any:
    """The value in `raw`. Raises UnreadableRequest: no JSON in UTF-8, a member given twice, NaN, nested without end."""
    with _readable():
        text = raw.decode()
        value, end = DECODER.raw_decode(text, _space(text, 0))
        if _space(text, end) != len(text):
            raise ValueError("something follows the value")
        return value


def elements(raw: bytes, member: str) -> Iterator[Any]:
    """The elements of the list in a document `{"<member>": […]}` of no other member, one after the other.

    Raises UnreadableRequest as `parse` does, and for a document of another form.
    """
    with _readable():
        text = raw.decode()
        head = BEFORE_LIST.match(text)
        if not head or head[1] != member:
            raise UnreadableRequest(f'The document is {{"{member}": […]}}, with no other member.')
        position = head.end()
        if not text.startswith("]", position):
            while True:
                value, position = DECODER.raw_decode(text, position)
                yield value
                comma = COMMA.match(text, position)
                if not comma:
                    break
                position = comma.end()
        tail = AFTER_LIST.match(text, _space(text, position))
        if not tail or tail.end() != len(text):
            raise ValueError("the list is not closed, or something follows it")


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except RecursionError:
        raise UnreadableRequest("The body is nested too deep.") from None
    except ValueError:  # also bytes that are no text, and numbers of thousands of digits
        raise UnreadableRequest("The body is not JSON in UTF-8.") from None


def _space(text: str, position: int) -> int:
    """The first place after white space."""
    found = SPACE.match(text, position)
    return found.end() if found else position


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        # Not the names themselves: they may hold anything.
        raise UnreadableRequest(f"{len(pairs) - len(members)} member(s) of an object are given twice.")
    return members


def _constant(_: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)

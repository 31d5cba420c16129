"""Cells that come from JSON or from a spreadsheet instead of a line of text: judged, then written as COPY text."""

import re
from collections.abc import Iterable, Mapping

from app.imports.reading import BadLine

# The quote of the engine's COPY.
QUOTE = "\x01"
# As in tables: values become keys and words of searches (see layouts.MAX_VALUE).
MAX_VALUE = 600
# ASCII's control characters, the mark of another byte order, and halves of a surrogate pair: none of them is text.
NO_TEXT = re.compile("[\x00-\x1f\x7f\ufeff\ud800-\udfff]")


def tidied(value: str) -> str:
    """Without outer spaces, single spaces inside, line breaks and tabs read as spaces."""
    return re.sub(r"[ \t\r\n]+", " ", value).strip(" ")


def require_plain(named: Iterable[tuple[str, str]]) -> None:
    """Raises BadLine for the first (label, value) that is too long or holds what is no text."""
    for label, value in named:
        if found := NO_TEXT.search(value):
            raise BadLine(
                "line.control_character", f"{label} holds the character U+{ord(found[0]):04X}: remove it", label
            )
        if len(value.encode()) > MAX_VALUE:
            raise BadLine("value.too_long", f"{label} holds {len(value.encode())} bytes, over {MAX_VALUE}", label)


def copy_row(number: int, values: Iterable[str]) -> str:
    """One line of COPY text; empty values become NULL."""
    return "|".join((str(number), *(f"{QUOTE}{value}{QUOTE}" if value else "" for value in values))) + "\n"


def shown(values: Mapping[str, str] | Iterable[str]) -> bytes:
    """What a reject keeps of these values for people."""
    return "|".join(values.values() if isinstance(values, Mapping) else values).encode(errors="replace")

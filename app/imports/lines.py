"""Bytes to physical lines, in blocks: memory stays flat whatever the file holds."""

from collections.abc import Iterator
from typing import NamedTuple

from app.imports.reading import Read

BLOCK = 262_144
# The longest line of a national file is about 2 kB.
MAX_LINE = 65_536


class Block(NamedTuple):
    """Whole lines without their ends; `first` is the number of the first one, `body` the lines joined by LF.

    A line longer than MAX_LINE comes as its first MAX_LINE + 1 bytes: its length tells.
    """

    first: int
    lines: list[bytes]
    body: bytes


def blocks(read: Read) -> Iterator[Block]:
    """The lines that `read` gives, ended by LF or CRLF, the last one with or without end."""
    rest = b""
    number = 1
    while data := read(BLOCK):
        lines = (rest + data).split(b"\n")
        rest = lines.pop()[: MAX_LINE + 1]
        if lines:
            yield _block(number, lines)
            number += len(lines)
    if rest:
        yield _block(number, [rest])


def _block(first: int, lines: list[bytes]) -> Block:
    body = b"\n".join(lines)
    if b"\r" in body:
        lines = [line.removesuffix(b"\r") for line in lines]
        body = b"\n".join(lines)
    return Block(first, lines, body)

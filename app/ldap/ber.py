"""The members of a transaction as bytes, and slapd's answers to them (RFC 4511).

ldap3 builds each message as a tree of objects first, at more than ten times the cost. Only what the exporter sends is
written here, and only what slapd answers to it is read: anything else ends the connection.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from app.ldap.entries import Entry
from app.ldap.operations import Add, Delete, Modify, Operation

SEQUENCE, SET, INTEGER, OCTETS, ENUMERATED = 0x30, 0x31, 0x02, 0x04, 0x0A
MODIFY, ADD, DELETE, CONTROLS = 0x66, 0x68, 0x4A, 0xA0
ADDING, DELETING, REPLACING = 0, 1, 2
# Answers to modify, add and delete.
ANSWERS = {0x67, 0x69, 0x6B}
SHORT = 0x80
# Of a tag and the first byte of a length.
HEAD = 2
LENGTH_BYTES = range(1, 5)


class Malformed(ValueError):
    """Bytes that are no answer to a member of a transaction."""


@dataclass(frozen=True, slots=True)
class Answer:
    """To which message, with which result (RFC 4511 §4.1.9), and what slapd says of it."""

    number: int
    code: int
    words: str


def element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < SHORT:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, SHORT | len(length))) + length + content


def request(number: int, operation: Operation, controls: bytes) -> bytes:
    """The whole message `number`. `controls` is the content of its controls."""
    identifier = element(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))
    return element(SEQUENCE, identifier + _operation(operation) + element(CONTROLS, controls))


def critical(control: str) -> bytes:
    """A control with an empty value, which slapd must know."""
    return element(SEQUENCE, _text(control) + b"\x01\x01\xff" + element(OCTETS, b""))


def _operation(operation: Operation) -> bytes:
    dn = operation.dn.encode()
    if isinstance(operation, Delete):
        return element(DELETE, dn)
    if isinstance(operation, Add):
        return element(ADD, element(OCTETS, dn) + _sequence(_attributes(operation.attributes)))
    if isinstance(operation, Modify):
        changes = [(REPLACING, attribute) for attribute in _attributes(operation.replaced)]
    else:
        before, after = ([str(edition)] for edition in (operation.before, operation.after))
        changes = [(DELETING, _attribute("annuaireEdition", before)), (ADDING, _attribute("annuaireEdition", after))]
    written = (_sequence([element(ENUMERATED, bytes((how,))), attribute]) for how, attribute in changes)
    return element(MODIFY, element(OCTETS, dn) + _sequence(written))


def _attributes(entry: Entry) -> list[bytes]:
    return [_attribute(name, values) for name, values in entry.items()]


def _attribute(name: str, values: list[str]) -> bytes:
    return _sequence([_text(name), element(SET, b"".join(map(_text, values)))])


def _sequence(parts: Iterable[bytes]) -> bytes:
    return element(SEQUENCE, b"".join(parts))


def _text(text: str) -> bytes:
    return element(OCTETS, text.encode())


def answer(received: bytes) -> Answer | None:
    """The one that was received; None until it is whole. Raises Malformed: no answer to a member, or more than one."""
    message = _opened(received, 0, {SEQUENCE})
    if message is None or len(received) < message[1]:
        return None
    start, end = message
    if len(received) > end:
        raise Malformed(f"{len(received) - end} bytes after an answer, though nothing more was asked")
    identifier = _within(received, start, end, {INTEGER})
    result = _within(received, identifier[1], end, ANSWERS)
    code = _within(received, result[0], result[1], {ENUMERATED})
    matched = _within(received, code[1], result[1], {OCTETS})
    words = _within(received, matched[1], result[1], {OCTETS})
    number, kind = (int.from_bytes(received[slice(*each)], "big") for each in (identifier, code))
    return Answer(number, kind, received[slice(*words)].decode("utf-8", "replace"))


def _within(received: bytes, position: int, end: int, tags: set[int]) -> tuple[int, int]:
    found = _opened(received[:end], position, tags)
    if found is None or found[1] > end:
        raise Malformed("an answer whose parts are longer than it is")
    return found


def _opened(received: bytes, position: int, tags: set[int]) -> tuple[int, int] | None:
    """(start, end) of the content of the element that begins here; None until its length is there. Raises Malformed."""
    head = received[position : position + HEAD]
    if head and head[0] not in tags:
        raise Malformed(f"an element {head[0]:#04x} where {sorted(map(hex, tags))} is due")
    if len(head) < HEAD:
        return None
    length, start = head[1], position + HEAD
    if length & SHORT:
        size = length & ~SHORT
        if size not in LENGTH_BYTES:
            raise Malformed(f"a length of {size} bytes")
        if len(received) < start + size:
            return None
        length, start = int.from_bytes(received[start : start + size], "big"), start + size
    return start, start + length

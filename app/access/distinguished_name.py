"""Distinguished names of certificates in one canonical spelling: lists write one name in several (mssante.md §4).

Read as RFC 4514 with what the field adds: spaces around separators, values in quotes (RFC 2253), a bare quote inside a
value. Two spellings are one name when they hold the same pairs of attribute type and value, whatever their case,
composition of accents, inner spaces and order: issuers and lists disagree on all of them.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from cryptography.x509 import Name

# The other names of each attribute type: long, of other tools, and the number that stands in the certificate.
OTHER_NAMES = {
    "C": ("COUNTRYNAME", "2.5.4.6"),
    "CN": ("COMMONNAME", "2.5.4.3"),
    "DC": ("DOMAINCOMPONENT", "0.9.2342.19200300.100.1.25"),
    "EMAILADDRESS": ("E", "1.2.840.113549.1.9.1"),
    "GIVENNAME": ("G", "GN", "2.5.4.42"),
    "L": ("LOCALITYNAME", "2.5.4.7"),
    "O": ("ORGANIZATIONNAME", "2.5.4.10"),
    "ORGANIZATIONIDENTIFIER": ("2.5.4.97",),
    "OU": ("ORGANIZATIONALUNITNAME", "2.5.4.11"),
    "POSTALCODE": ("2.5.4.17",),
    "SERIALNUMBER": ("2.5.4.5",),
    "SN": ("SURNAME", "2.5.4.4"),
    "ST": ("S", "STATEORPROVINCENAME", "2.5.4.8"),
    "STREET": ("STREETADDRESS", "2.5.4.9"),
    "T": ("TITLE", "2.5.4.12"),
    "UID": ("USERID", "0.9.2342.19200300.100.1.1"),
}
SYNONYMS = {other: kind for kind, others in OTHER_NAMES.items() for other in others}
TYPE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)*")
SEPARATORS = ",;+"
ESCAPED = re.compile(r'[,;+"\\<>=#]')
HEX_PAIR = re.compile(r"[0-9A-Fa-f]{2}")


class InvalidDistinguishedName(ValueError):
    """This text is no distinguished name: the message says where it breaks off."""


class Part(NamedTuple):
    """One pair of a name: the type in its canonical form, the value as it was meant (no quotes, no escapes)."""

    type: str
    value: str


def parse(text: str) -> tuple[Part, ...]:
    """The pairs of a name in the order written. Raises InvalidDistinguishedName."""
    parts: list[Part] = []
    position = 0
    while True:
        name, found, _ = text[position:].partition("=")
        if not found or not TYPE.fullmatch(name.strip()):
            raise InvalidDistinguishedName(
                f"{text[:200]!r}: at character {position + 1} an attribute, TYPE=value, is expected"
            )
        value, position = _value(text, position + len(name) + 1)
        upper = name.strip().upper()
        parts.append(Part(SYNONYMS.get(upper, upper), value))
        if position >= len(text):
            return tuple(parts)
        position += 1


def canonical(text: str) -> str:
    """The one spelling of the name in `text`; canonical of itself. Raises InvalidDistinguishedName."""
    return _spelled(parse(text))


def of_name(name: Name) -> str:
    """The same spelling of the name in a certificate, from its encoded parts: no text in between that could be read
    in two ways. Raises InvalidDistinguishedName for a name without parts, or with one that is no text.
    """
    parts = []
    for attribute in name:
        number = attribute.oid.dotted_string
        if not isinstance(attribute.value, str):
            raise InvalidDistinguishedName(f"attribute {number} of the name is no text")
        parts.append(Part(SYNONYMS.get(number, number), attribute.value))
    if not parts:
        raise InvalidDistinguishedName("the name is empty")
    return _spelled(parts)


def _spelled(parts: Iterable[Part]) -> str:
    pairs = sorted({(part.type, _folded(part.value)) for part in parts})
    return ",".join(f"{kind}={_escaped(value)}" for kind, value in pairs)


def values(text: str, kind: str) -> list[str]:
    """Values of one attribute type in the order written, spaces made single. Raises InvalidDistinguishedName."""
    return [" ".join(part.value.split()) for part in parse(text) if part.type == kind]


def _value(text: str, start: int) -> tuple[str, int]:
    """The value that begins at `start`, and the position of the separator that ends it."""
    position = start + len(text[start:]) - len(text[start:].lstrip())
    if text[position : position + 1] == '"':
        return _quoted(text, position + 1)
    value = bytearray()
    kept = 0  # spaces at the end belong to the value only when escaped
    while position < len(text) and text[position] not in SEPARATORS:
        if text[position] == "\\":
            raw, position = _escape(text, position)
            value += raw
            kept = len(value)
        else:
            value += text[position].encode()
            kept = kept if text[position].isspace() else len(value)
            position += 1
    return _text(bytes(value[:kept]), text), position


def _quoted(text: str, position: int) -> tuple[str, int]:
    value = bytearray()
    while position < len(text) and text[position] != '"':
        if text[position] == "\\":
            raw, position = _escape(text, position)
        else:
            raw, position = text[position].encode(), position + 1
        value += raw
    rest = text[position + 1 :].lstrip()
    if position >= len(text) or (rest and rest[0] not in SEPARATORS):
        raise InvalidDistinguishedName(f"{text[:200]!r}: a quote is not closed at the end of its value")
    return _text(bytes(value), text), len(text) - len(rest)


def _escape(text: str, position: int) -> tuple[bytes, int]:
    if pair := HEX_PAIR.match(text, position + 1):
        return bytes.fromhex(pair[0]), position + 3
    if position + 1 >= len(text):
        raise InvalidDistinguishedName(f"{text[:200]!r}: it ends with a lone backslash")
    return text[position + 1].encode(), position + 2


def _text(value: bytes, text: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise InvalidDistinguishedName(f"{text[:200]!r}: its escaped bytes are not UTF-8") from error


def _folded(value: str) -> str:
    """Equal for values that differ by case, composition or spaces alone; folding a folded value changes nothing."""
    while True:
        decomposed = unicodedata.normalize("NFKD", value).casefold()
        folded = " ".join(unicodedata.normalize("NFKC", decomposed).split())
        if folded == value:
            return folded
        value = folded


def _escaped(value: str) -> str:
    return ESCAPED.sub(lambda char: "\\" + char[0], value)

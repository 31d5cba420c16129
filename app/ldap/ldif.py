"""Entries as LDIF (RFC 2849), the language of slapadd."""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping

# What may stand in clear: ASCII on one line, not beginning with space, colon or less-than, not ending in a space.
_PLAIN = re.compile(r"(?![ :<])[\x01-\x09\x0b\x0c\x0e-\x7f]*(?<! )")


def record(dn: str, attributes: Mapping[str, Iterable[str]]) -> bytes:
    """One entry with the empty line that ends it."""
    lines = [_line("dn", dn)]
    lines.extend(_line(name, value) for name, values in attributes.items() for value in values)
    return ("\n".join(lines) + "\n\n").encode()


def _line(name: str, value: str) -> str:
    if _PLAIN.fullmatch(value):
        return f"{name}: {value}"
    return f"{name}:: {b64encode(value.encode()).decode()}"

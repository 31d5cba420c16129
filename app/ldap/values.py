"""Text as slapd takes and compares it: cleaned, without accents, without two values that slapd takes for one."""

import re
import unicodedata
from collections.abc import Iterable

# Long enough for every field of the national files, short enough that an index of its substrings stays small.
LONGEST_VALUE = 1_000

# Letters that are no base letter plus accent.
_LETTERS = str.maketrans(
    {"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}
    | {"\u2019": "'", "\u02bc": "'"}
)
# Control characters, private use, unassigned code points, line and paragraph separators; Cf (soft hyphens and the like)
# only hinders searches.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_ACCENTS = re.compile("[\u0300-\u036f]+")
_CAPITAL_DOTTED_I = "\u0130"


def clean(value: str | None) -> str:
    """One line of visible text with single spaces, at most LONGEST_VALUE characters; "" when nothing is left."""
    if not value:
        return ""
    if not value.isascii() or not value.isprintable():
        value = "".join(" " if unicodedata.category(char) in _UNSEEN else char for char in value)
        value = unicodedata.normalize("NFC", value)
    return " ".join(value.split())[:LONGEST_VALUE].rstrip()


def unaccented(value: str) -> str:
    """The same text without accents and ligatures, in the same case."""
    if value.isascii():
        return value
    # A lone accent is a space with an accent.
    return " ".join(_ACCENTS.sub("", unicodedata.normalize("NFKD", value.translate(_LETTERS))).split())


def distinct(values: Iterable[str]) -> list[str]:
    """The values in order, without empty ones and without those that slapd would take for one before (error 20)."""
    different = list(dict.fromkeys(filter(None, values)))
    if len(different) < 2:  # noqa: PLR2004 - one value is no pair
        return different
    found: dict[str, str] = {}
    for value in different:
        found.setdefault(_matched(value), value)
    return list(found.values())


def with_unaccented(*values: str) -> list[str]:
    """True values first, then what people type who leave accents out: slapd compares accents."""
    return distinct([*values, *map(unaccented, values)])


def postal(lines: Iterable[str]) -> str:
    """A postal address (RFC 4517 §3.3.28): lines between dollar signs, `$` and backslash in them escaped."""
    return "$".join(line.replace("\\", "\\5C").replace("$", "\\24") for line in lines if line)


def _matched(value: str) -> str:
    """The form in which caseIgnoreMatch compares: compatibility forms folded, each letter's simple upper case."""
    folded = unicodedata.normalize("NFKC", value)
    upper = folded.upper()
    if len(upper) > len(folded):
        # Never more than one letter for one: slapd tells Straße from Strasse.
        upper = "".join(char if len(char.upper()) > 1 else char.upper() for char in folded)
    return unicodedata.normalize("NFKC", upper).replace(_CAPITAL_DOTTED_I, "I")

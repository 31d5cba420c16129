"""Cells of CSV that no spreadsheet runs (OWASP, CSV Injection; reliability.md §6.6), and the way back.

A spreadsheet takes a cell for a formula by its first character. It may also cut a line at another separator than ours,
so what follows a comma, a semicolon, a tab or a bar within a cell is treated like a cell. An apostrophe goes before
whatever could begin a formula, and before whatever begins with an apostrophe: so one rule, `plain`, takes all of them
away again and nothing else.
"""

import re
from functools import lru_cache

# Beside = + - @ whatever is shown, or may be folded, like one of them: full-width, small, raised, lowered, minus.
BEGINS_FORMULA = (
    "=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u207a\u207b\u207c\u208a\u208b\u208c\ufb29\u2212\u2a75\u2a76"
)
# White space and marks without a width, which a spreadsheet may drop before it looks.
UNSEEN = r"[\s\u00ad\u200b-\u200f\u2060\ufeff]*"
BOUNDARY = r"(^|[,;|\t])"
# Line breaks in a cell would make two lines of one row, and NUL ends a text for many a reader. Surrogates are no text.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
RISKY = re.compile(rf"{BOUNDARY}(?={UNSEEN}['{BEGINS_FORMULA}])")
MADE_SAFE = re.compile(rf"{BOUNDARY}'")
# Labels, places and structures come again and again.
MOST_REMEMBERED, LONGEST_REMEMBERED = 8_192, 100


def cell(value: object) -> str:
    """The text of one cell: empty for what is not known, on one line, and no formula."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _remembered(value) if len(value) <= LONGEST_REMEMBERED else _safe(value)
    return str(value).lower() if isinstance(value, bool) else _safe(str(value))


def plain(text: str) -> str:
    """What a cell stands for: the text without the apostrophes that made it safe."""
    return MADE_SAFE.sub(r"\1", text)


def _safe(text: str) -> str:
    return RISKY.sub(r"\1'", CONTROL.sub(" ", text))


_remembered = lru_cache(MOST_REMEMBERED)(_safe)

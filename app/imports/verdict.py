"""The three columns that a file of rejected lines has beside its own: where the line stood, and what was wrong with it.

Whoever corrects such a file may hand it in as it is: these columns mean nothing to its source.
"""

import re
from collections.abc import Sequence

VERDICT = ("reject_line", "reject_code", "reject_message")
CODE = re.compile(r"[a-z_]+\.[a-z0-9_]+")


def is_verdict(cells: Sequence[str]) -> bool:
    """Whether a row that has no labels ends with these three columns."""
    return len(cells) > len(VERDICT) and cells[-3].isdecimal() and CODE.fullmatch(cells[-2]) is not None

"""The table of what was asked, as CI prints it."""

from collections.abc import Sequence

from tests.described.asking import SEED, Asked

HEAD = ("caller", "operations", "cases", "links followed", "findings")


def table(asked: Sequence[Asked]) -> str:
    """One line for each caller, and the text of every run that found something."""
    rows = [HEAD, *(each.row() for each in asked)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    found = [each.text for each in asked if each.findings]
    return "\n".join([f"schemathesis on openapi/annuaire.yaml, seed {SEED}", *lines, *found])

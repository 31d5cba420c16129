"""The benchmark table: each figure beside its limit, measured in the same run."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Line:
    """One figure: what, how much, the limit beside it, and the least allowed value or ratio (None: reported only)."""

    what: str
    value: float
    unit: str
    limit: str = ""
    limit_value: float | None = None
    least: float | None = None
    most: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.limit_value if self.limit_value else None

    @property
    def passes(self) -> bool:
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)


def _figure(value: float) -> str:
    """Small figures with one decimal."""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def rendered(lines: Sequence[Line]) -> str:
    """The table as text, aligned, one line a figure."""
    rows = [("what", "measured", "limit, same run", "ratio", "wanted")]
    for line in lines:
        limit = f"{line.limit} {_figure(line.limit_value)} {line.unit}" if line.limit_value else ""
        wanted = (
            f"≥ {_figure(line.least)}"
            if line.least is not None
            else f"≤ {_figure(line.most)}"
            if line.most is not None
            else ""
        )
        mark = "" if line.passes else "  MISSED"
        ratio = f"{line.ratio:.2f}" if line.ratio is not None else ""
        rows.append((line.what, f"{_figure(line.value)} {line.unit}", limit, ratio, wanted + mark))
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of equal length as text, each column as wide as it must be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def told(lines: Sequence[Line], out: Path | None = None) -> int:
    """Print the table, also into a file; the exit code: 1 when a figure is missed."""
    table = rendered(lines) + "\n"
    sys.stdout.write(table)
    if out:
        out.write_text(table, encoding="utf-8")
    return 0 if all(line.passes for line in lines) else 1

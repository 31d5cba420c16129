"""The report of a run, for programs and for people, and the exit code it stands for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.console import DIFFERENCES, DONE, REFUSED
from app.imports.guards import Guard

ACTIONS = ("create", "update", "close", "same")
UNKNOWN_SOURCE = "unknown"


@dataclass
class Report:
    """What one file did. Lines: `read` = `accepted` + `rejected` + `blank`, without the header.

    `left_out`: members of the same archive that no source reads. `pending`: marks that waited for the drain when the
    command did not wait. A file refused before any guard could judge it has the reason as a guard of its own.
    """

    run: str
    file: str
    source: str = UNKNOWN_SOURCE
    stamp: str | None = None
    state: str = "failed"
    read: int = 0
    rejected: int = 0
    blank: int = 0
    diff: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ACTIONS, 0))
    guards: list[Guard] = field(default_factory=list)
    warnings: dict[str, int] = field(default_factory=dict)
    rejects: str | None = None
    edition_before: int | None = None
    edition_after: int | None = None
    left_out: Sequence[str] = ()
    pending: int | None = None

    @property
    def accepted(self) -> int:
        return self.read - self.rejected - self.blank

    @property
    def exit_code(self) -> int:
        if self.state in {"refused", "failed"}:
            return REFUSED
        return DIFFERENCES if self.rejected else DONE

    def as_json(self) -> dict[str, Any]:
        return {
            "run": self.run,
            "source": self.source,
            "state": self.state,
            "file": self.file,
            "stamp": self.stamp,
            "lines": {"read": self.read, "accepted": self.accepted, "rejected": self.rejected, "blank": self.blank},
            "diff": self.diff,
            "guards": [guard.as_json() for guard in self.guards],
            "warnings": self.warnings,
            "rejects": self.rejects,
            "edition": {"before": self.edition_before, "after": self.edition_after},
            **({"left_out": list(self.left_out)} if self.left_out else {}),
            **({"pending": self.pending} if self.pending is not None else {}),
        }


def worst(reports: Iterable[Report]) -> int:
    """The exit code of a command over several files."""
    return max((report.exit_code for report in reports), default=DONE)


def readable(report: Report) -> str:
    """The report as a few aligned lines."""
    lines = {"read": report.read, "accepted": report.accepted, "rejected": report.rejected, "blank": report.blank}
    rows = [("run", report.run), ("lines", _counts(lines)), ("diff", _counts(report.diff))]
    rows += [
        (guard.level + (" (accepted)" if guard.accepted else ""), f"{guard.name}: {guard.detail}")
        for guard in report.guards
    ]
    rows += [("warnings", _counts(report.warnings))] if report.warnings else []
    rows += [("rejects", report.rejects)] if report.rejects else []
    rows += [("left out", name) for name in report.left_out]
    rows += [("edition", _edition(report))]
    body = "\n".join(f"  {name:<10} {value}" for name, value in rows)
    return f"{report.file}: {report.source}, {report.state}\n{body}"


def _counts(counts: dict[str, int]) -> str:
    return "   ".join(f"{name} {count}" for name, count in counts.items())


def _edition(report: Report) -> str:
    if report.pending is not None:
        return f"{report.edition_before}, and {report.pending} marks wait to be published"
    return f"{report.edition_before} -> {report.edition_after}"

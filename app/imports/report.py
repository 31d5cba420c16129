"""The report of a run, for programs and for people, and the exit code it stands for. It is also the run's receipt."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.console import DIFFERENCES, DONE, REFUSED
from app.imports.guards import Guard

ACTIONS = ("create", "update", "close", "same")
UNKNOWN_SOURCE = "unknown"


@dataclass
class Report:
    """What one file did or would do. Lines: `read` = `accepted` + `rejected` + `blank`, without the header.

    `number` names the run inside the database. `left_out`: members of the same archive that no source reads. `pending`:
    marks that waited for the drain when the command did not wait. `stages`: seconds of each stage. `mode`: `first`,
    `full` (every line compared) or `delta` (only lines that changed). `planned_by`, `applied_by`, `undone_by`: ids of
    keys, or the account that ran the command. `effective_at`: the hour at which a worker applies the plan. A file
    refused before any guard could judge it has the reason as a guard of its own.
    """

    run: str
    file: str
    source: str = UNKNOWN_SOURCE
    sha256: str = ""
    number: int = 0
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
    edition_undone: int | None = None
    mode: str | None = None
    stages: dict[str, float] = field(default_factory=dict)
    phase: str | None = None
    progress: dict[str, Any] | None = None
    planned_by: str | None = None
    applied_by: str | None = None
    undone_by: str | None = None
    effective_at: datetime | None = None
    started_at: datetime | None = None
    applied_at: datetime | None = None
    undone_at: datetime | None = None
    finished_at: datetime | None = None
    left_out: Sequence[str] = ()
    pending: int | None = None

    @property
    def accepted(self) -> int:
        return self.read - self.rejected - self.blank

    @property
    def is_refused(self) -> bool:
        """Whether a guard refuses that nobody accepted."""
        return any(guard.refuses for guard in self.guards)

    @property
    def exit_code(self) -> int:
        if self.state in {"refused", "failed"} or (self.state == "planned" and self.is_refused):
            return REFUSED
        # Lines that were rejected say nothing of what was taken back.
        return DIFFERENCES if self.rejected and self.state != "undone" else DONE

    def as_json(self) -> dict[str, Any]:
        edition = {"before": self.edition_before, "after": self.edition_after}
        return {
            "run": self.run,
            "source": self.source,
            "state": self.state,
            "file": self.file,
            "sha256": self.sha256,
            "stamp": self.stamp,
            "lines": {"read": self.read, "accepted": self.accepted, "rejected": self.rejected, "blank": self.blank},
            "diff": self.diff,
            "guards": [guard.as_json() for guard in self.guards],
            "warnings": self.warnings,
            "rejects": self.rejects,
            "edition": edition | ({"undone": self.edition_undone} if self.edition_undone is not None else {}),
            "mode": self.mode,
            "stages": self.stages,
            **({"phase": self.phase, "progress": self.progress} if self.phase else {}),
            "planned_by": self.planned_by,
            "applied_by": self.applied_by,
            "undone_by": self.undone_by,
            "effective_at": self.effective_at,
            "started_at": self.started_at,
            "applied_at": self.applied_at,
            "undone_at": self.undone_at,
            "finished_at": self.finished_at,
            **({"left_out": list(self.left_out)} if self.left_out else {}),
            **({"pending": self.pending} if self.pending is not None else {}),
        }


def from_record(record: Mapping[str, Any]) -> Report:
    """The report of a run as the database keeps it (a row of `runs.RUN`)."""
    guards = [Guard(**guard) for guard in record["guards"]]
    diff = dict.fromkeys(ACTIONS, 0) | record["diff"]
    return Report(**{**record, "guards": guards, "diff": diff})


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
    rows += [("effective", f"{report.effective_at:%Y-%m-%d %H:%M %Z}")] if report.effective_at else []
    rows += [("left out", name) for name in report.left_out]
    rows += [("edition", _edition(report))]
    rows += (
        [("seconds", "   ".join(f"{name} {seconds:.1f}" for name, seconds in report.stages.items()))]
        if report.stages
        else []
    )
    body = "\n".join(f"  {name:<10} {value}" for name, value in rows)
    return f"{report.file}: {report.source}, {report.state}\n{body}"


def _counts(counts: dict[str, int]) -> str:
    return "   ".join(f"{name} {count}" for name, count in counts.items())


def _edition(report: Report) -> str:
    if report.pending is not None:
        return f"{report.edition_before}, and {report.pending} marks wait to be published"
    if report.edition_undone is not None:
        return f"{report.edition_before} -> {report.edition_after} -> {report.edition_undone} (undone)"
    return f"{report.edition_before} -> {report.edition_after}"

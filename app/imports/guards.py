"""Guards: what makes a plan suspicious. A guard that refuses can be overridden by its name, and the run says so."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

SHRINK, REJECTED_LINES = "shrink", "rejected_lines"
NAMES = (REJECTED_LINES, SHRINK)


@dataclass(frozen=True)
class Guard:
    """One guard that spoke. `accepted`: it would refuse, and the caller accepted it by name."""

    name: str
    level: Literal["refuse", "warn"]
    detail: str
    accepted: bool = False

    @property
    def refuses(self) -> bool:
        return self.level == "refuse" and not self.accepted

    def as_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key != "accepted" or value}


@dataclass(frozen=True)
class Limits:
    """Shares between 0 and 1 (settings): of the asserted entities that may close, of the lines that may be rejected."""

    shrink: float
    rejected: float


@dataclass(frozen=True)
class Figures:
    """What guards judge: lines of the file, entities that the source asserted before, and how many it would close."""

    read: int
    rejected: int
    asserted: int
    closed: int
    kind: str


def check(figures: Figures, limits: Limits, accepted: Iterable[str]) -> list[Guard]:
    """The guards that these figures wake. A first load closes nothing, whatever its size."""
    guards = []
    if figures.closed > figures.asserted * limits.shrink:
        detail = (
            f"the file would close {figures.closed} of {figures.asserted} {figures.kind} entities, over "
            f"{limits.shrink:.1%}: is it complete? If it is right, import it with --accept-guard {SHRINK}"
        )
        guards.append(Guard(SHRINK, "refuse", detail, accepted=SHRINK in set(accepted)))
    if figures.rejected > figures.read * limits.rejected:
        detail = (
            f"{figures.rejected} of {figures.read} lines were rejected, over {limits.rejected:.1%}: see the rejects"
        )
        guards.append(Guard(REJECTED_LINES, "warn", detail))
    return guards

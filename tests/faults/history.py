"""What writers were told, and whether it was the truth: a history, and its check record by record (invariant I1).

    {"event": "invoked", "write": "c3-17", "record": "b7@…", "value": "17"}     before it is sent
    {"event": "ok" | "failed" | "unknown", "write": "c3-17"}                    after its answer, or for want of one

A line is written before the write is sent, or after it was answered, and lines stand in the order of the clocks of all
writers together: a write whose end stands before the beginning of another went before it. A write of which nobody knows
may take effect at any later moment, or never.

The idea is that of Elle (list-append): where each write leaves a trace of its own, the traces of a record are the order
in which its writes took effect, and that order may not contradict the history.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Literal

End = Literal["ok", "failed", "unknown"]


@dataclass(frozen=True)
class Write:
    """One write. `began`, `ended`: places in the history; `ended` is infinite while nobody knows of its end."""

    name: str
    record: str
    value: str | None
    began: int
    ended: float = inf
    end: End = "unknown"

    def is_before(self, other: "Write") -> bool:
        return self.ended < other.began


class History:
    """The file of a history, written by any number of threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        path.touch()

    def invoked(self, write: str, record: str, value: str | None) -> None:
        """About to be sent. `value`: what the record then holds, None where it is then not to be seen."""
        self._note({"event": "invoked", "write": write, "record": record, "value": value})

    def ended(self, write: str, end: End) -> None:
        """Answered (`failed`: it had no effect), or never to be."""
        self._note({"event": end, "write": write})

    def writes(self) -> list[Write]:
        """All that was asked for, in the order in which it was."""
        return list(read(self.path.read_text("utf-8").splitlines()))

    def _note(self, line: dict[str, str | None]) -> None:
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def read(lines: Iterable[str]) -> Iterator[Write]:
    """The writes of a history. Raises ValueError for a name that comes twice, KeyError for an end without beginning."""
    writes: dict[str, Write] = {}
    for place, line in enumerate(lines):
        said = json.loads(line)
        name, event = said["write"], said["event"]
        if event == "invoked":
            if name in writes:
                raise ValueError(f"{name} was invoked twice")
            writes[name] = Write(name, said["record"], said["value"], place)
        elif event == "unknown":
            writes[name] = replace(writes[name], ended=inf, end=event)
        else:
            writes[name] = replace(writes[name], ended=place, end=event)
    yield from writes.values()


def lost(writes: Iterable[Write], held: Mapping[str, str | None]) -> list[str]:
    """The records that do not hold what an acknowledged write left, nor what a later or an unknown one did.

    A record that no write was acknowledged for may hold anything that was there before. One that is not `held` is None.
    """
    return [record for record, those in by_record(writes).items() if not _is_kept(those, held.get(record))]


def _is_kept(writes: Sequence[Write], value: str | None) -> bool:
    acknowledged = [write for write in writes if write.end == "ok"]
    may_be_last = [
        write for write in writes if write.end != "failed" and not any(write.is_before(later) for later in acknowledged)
    ]
    return not acknowledged or any(write.value == value for write in may_be_last)


def contradicted(writes: Iterable[Write], traces: Mapping[str, Sequence[str]]) -> list[str]:
    """What is wrong with the traces: per record, the names of the writes that took effect, in the order they did."""
    return [
        fault for record, those in by_record(writes).items() for fault in _contradictions(those, traces.get(record, ()))
    ]


def _contradictions(writes: Sequence[Write], traces: Sequence[str]) -> Iterator[str]:
    known = {write.name: write for write in writes}
    times = Counter(traces)
    yield from (f"{name} took effect, and nobody asked for it" for name in times if name not in known)
    for write in writes:
        if times[write.name] > 1:
            yield f"{write.name} took effect {times[write.name]} times"
        if write.end == "ok" and not times[write.name]:
            yield f"{write.name} was acknowledged and left no trace"
        if write.end == "failed" and times[write.name]:
            yield f"{write.name} was refused and took effect"
    # Whoever began latest so far must not have begun after the end of one that comes later.
    latest: Write | None = None
    for write in (known[name] for name in traces if name in known):
        if latest and write.is_before(latest):
            yield f"{write.name} ended before {latest.name} began, and took effect after it"
        if latest is None or write.began > latest.began:
            latest = write


def by_record(writes: Iterable[Write]) -> dict[str, list[Write]]:
    """The writes of each record, in the order in which they began."""
    records: dict[str, list[Write]] = {}
    for write in writes:
        records.setdefault(write.record, []).append(write)
    return records

"""Where the time goes: the processor time of groups of processes, from /proc."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def used_by(pid: int) -> float:
    """Seconds of processor that a process and its descendants have used, those that ended included."""
    children = _children()
    waiting, total = [pid], 0.0
    while waiting:
        each = waiting.pop()
        waiting += children.get(each, ())
        if found := _fields(each):
            # utime, stime, and both of children that ended.
            total += sum(map(int, found[11:15])) / TICKS
    return total


def used_by_all() -> float:
    """Seconds of processor that the whole machine was busy since it started."""
    user, nice, system, _, _, irq, soft, steal = map(int, Path("/proc/stat").read_text("ascii").split()[1:9])
    return (user + nice + system + irq + soft + steal) / TICKS


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and (fields := _fields(int(path.name))):
            found.setdefault(int(fields[1]), []).append(int(path.name))
    return found


def _fields(pid: int) -> list[str]:
    """The fields of `stat` after the name; none of a process that went away."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []

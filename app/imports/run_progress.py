"""How far the run is, for those who watch it over REST: written beside the transactions that do the work."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from app.console import Advance

EVERY_SECONDS = 1.0
# The row may be held by the very transaction that is watched: then it stays as it is.
WRITE = """
UPDATE import_run SET phase = %(phase)s, progress = coalesce(progress, '{}') || %(progress)s
WHERE id IN (SELECT id FROM import_run WHERE id = ANY(%(runs)s) FOR NO KEY UPDATE SKIP LOCKED)
"""


class Stopping(Exception):
    """The worker is asked to end: what is under way is left, and done again at the next start."""


class RunProgress:
    """Notes phase, share and speed in the records of `runs`, at most once a second, and stops when asked to.

    `connection` is one of its own, in autocommit. Its `advance` raises Stopping.
    """

    def __init__(self, connection: psycopg.Connection[Any], runs: list[str], stop: threading.Event) -> None:
        self.runs = runs
        self._connection = connection
        self._stop = stop

    @contextmanager
    def __call__(self, title: str, total: int | None = None) -> Iterator[Advance]:
        phase = title.partition(" ")[0]
        done = counted = 0
        started = written = time.monotonic()
        self.note(phase, _progress(0, total, 0.0))

        def advance(more: int = 1, /, rows: int | None = None) -> None:
            nonlocal done, counted, written
            done += more
            counted += more if rows is None else rows
            now = time.monotonic()
            if self._stop.is_set():
                raise Stopping
            if now - written >= EVERY_SECONDS:
                written = now
                self.note(phase, _progress(done, total, counted / (now - started)))

        yield advance

    def note(self, phase: str, progress: dict[str, Any] | None = None) -> None:
        """Write this down now."""
        self._connection.execute(WRITE, {"phase": phase, "progress": Jsonb(progress or {}), "runs": self.runs})


def _progress(done: int, total: int | None, speed: float) -> dict[str, Any]:
    share = min(1.0, round(done / total, 4)) if total else None
    return {"done": done, "total": total, "share": share, "rows_per_second": round(speed, 1)}

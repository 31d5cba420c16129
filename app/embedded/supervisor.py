"""Parts that are kept alive: started in order, started again when they die, stopped in reverse order."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.console import Refused, say
from app.embedded.process import last_lines

TICK = 0.1
# A part that dies is started again after 0.5 s, then 1, 2, 4 s; one that lived longer than STEADY begins anew.
FIRST_PAUSE = 0.5
STEADY = 60.0
MOST_FAILURES = 5


class GaveUp(Refused):
    """A part died too often in a row; the message ends with its last lines."""


class Part(Protocol):
    """A server that runs as one process."""

    @property
    def name(self) -> str: ...
    @property
    def log(self) -> Path: ...
    @property
    def process(self) -> subprocess.Popen[bytes] | None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


@dataclass
class _Watched:
    part: Part
    # While this answers True the part is kept stopped.
    is_paused: Callable[[], bool]
    started: float
    failures: int = 0
    start_at: float | None = None
    paused: bool = False


class Supervisor:
    """Single-threaded: nothing happens but in `start`, `tick` and `stop`, all called by one thread.

    (The kernel ends our children when the *thread* that started them ends.)
    """

    def __init__(self) -> None:
        self._watched: list[_Watched] = []

    def start(self, part: Part, *, is_paused: Callable[[], bool] = lambda: False) -> None:
        """Start a part and keep it alive. Raises what its start raises: a first start is not tried again."""
        say(f"annuaire: starting {part.name}")
        self._watched.append(_Watched(part, is_paused, time.monotonic()))
        part.start()

    def tick(self) -> None:
        """Look at every part once, and restart what is due. Raises GaveUp."""
        for watched in self._watched:
            self._look(watched)

    def run(self, part: Part) -> int:
        """Run a part that ends by itself, and keep the others alive meanwhile. Returns its exit status."""
        try:
            part.start()
            self.wait(lambda: part.process is None or part.process.poll() is not None)
            return part.process.returncode if part.process else 0
        finally:
            part.stop()

    def wait(self, until: Callable[[], bool]) -> None:
        """Keep the parts alive until the condition holds."""
        while not until():
            self.tick()
            time.sleep(TICK)

    def stop(self) -> None:
        """Stop all in reverse order; one that resists does not keep the others from being stopped."""
        faults: list[Exception] = []
        while self._watched:
            part = self._watched.pop().part
            say(f"annuaire: stopping {part.name}")
            try:
                part.stop()
            except Exception as fault:  # noqa: BLE001 - raised below, when all are stopped
                faults.append(fault)
        if faults:
            raise ExceptionGroup("parts that did not stop", faults)

    def _look(self, watched: _Watched) -> None:
        if watched.is_paused():
            if not watched.paused:
                say(f"annuaire: {watched.part.name} is stopped while its data are replaced")
                watched.part.stop()
                watched.paused = True
            return
        if watched.paused:
            watched.paused = False
            watched.start_at = time.monotonic()
        elif watched.start_at is None:
            self._notice_death(watched)
        if watched.start_at is not None and time.monotonic() >= watched.start_at:
            self._restart(watched)

    def _notice_death(self, watched: _Watched) -> None:
        child = watched.part.process
        status = None if child is None else child.poll()
        if status is not None:
            self._failed(watched, f"{watched.part.name} died ({_ended(status)})")

    def _restart(self, watched: _Watched) -> None:
        watched.start_at = None
        watched.started = time.monotonic()
        try:
            watched.part.start()
        except Refused as refusal:
            self._failed(watched, refusal.message)
        else:
            say(f"annuaire: {watched.part.name} is started again")

    def _failed(self, watched: _Watched, what: str) -> None:
        if time.monotonic() - watched.started > STEADY:
            watched.failures = 0
        watched.failures += 1
        log = watched.part.log
        if watched.failures >= MOST_FAILURES:
            raise GaveUp(
                f"{what}, {watched.failures} times in a row: giving up; its last words ({log}):\n{last_lines(log)}",
                f"{watched.part.name}.failed",
            )
        pause = FIRST_PAUSE * 2 ** (watched.failures - 1)
        say(f"annuaire: {what}: starting it again in {pause:g} s (log: {log})")
        watched.start_at = time.monotonic() + pause


def _ended(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"

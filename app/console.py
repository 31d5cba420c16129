"""How commands talk: results on stdout (one JSON object or lines), progress and refusals on stderr.

Exit codes of every command: 0 done · 1 done, but rows were rejected or differences found · 2 refused · 3 interrupted ·
64 usage.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import IO, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

DONE, DIFFERENCES, REFUSED, INTERRUPTED, USAGE = 0, 1, 2, 3, 64


class Refused(Exception):
    """A command that will not be done: `message` is one clear sentence, `code` a stable word for programs."""

    def __init__(self, message: str, code: str = "refused") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class Advance(Protocol):
    """Told by a long task how far it is: `advance(done)` adds to what was done before.

    `rows`: how many rows that was, where `done` counts something else (bytes of a file).
    """

    def __call__(self, done: int = 1, /, rows: int | None = None) -> None: ...


def emit(obj: object, *, as_json: bool, text: str | None = None) -> None:
    """The result of a command on stdout: one JSON value, or `text` for people (without it, indented JSON)."""
    if as_json:
        line = json.dumps(obj, ensure_ascii=False, default=_plain)
    else:
        line = text if text is not None else json.dumps(obj, ensure_ascii=False, default=_plain, indent=2)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _plain(value: object) -> str:
    """What JSON has no form for; an instant as REST writes it, in UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return str(value)


def one_line(error: BaseException) -> str:
    """What an exception of a library says, as one line of a sentence."""
    return " ".join(str(error).split())


def say(message: str, stream: IO[str] | None = None) -> None:
    """One line for people, on stderr: stdout belongs to results."""
    out = stream or sys.stderr
    out.write(message + "\n")
    out.flush()


def refuse(refusal: Refused, *, as_json: bool) -> int:
    """Say why a command was refused, in the form its caller reads. Returns the exit code."""
    if as_json:
        emit({"error": {"code": refusal.code, "detail": refusal.message}}, as_json=True)
    say(f"annuaire: {refusal.message}")
    return REFUSED


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Advance]:
    """A progress bar on stderr when it is a terminal, nothing otherwise (logs stay readable)."""
    with bars() as bar, bar(label, total) as advance:
        yield advance


@contextmanager
def bars() -> Iterator[Callable[[str, int | None], AbstractContextManager[Advance]]]:
    """Progress bars below one another: threads that work side by side each show their own."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as display:

        @contextmanager
        def bar(label: str, total: int | None) -> Iterator[Advance]:
            task = display.add_task(label, total=total, rate="")
            counted = 0
            started = time.monotonic()

            def advance(done: int = 1, /, rows: int | None = None) -> None:
                nonlocal counted
                counted += done if rows is None else rows
                rate = f"{counted / max(time.monotonic() - started, 0.1):,.0f} rows/s"
                display.update(task, advance=done, rate=rate)

            yield advance
            display.remove_task(task)

        yield bar

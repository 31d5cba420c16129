"""Rows of a workbook (XLSX) from the process that reads it within limits: see `xlsx_rows`.

A workbook is the one format that comes from anybody's desk and needs a large parser: that parser can neither take our
memory nor our time, nor reach our connections.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

from app.imports.reading import Read
from app.imports.refusal import FileRefused
from app.imports.xlsx_rows import MEMORY, SECONDS

BLOCK = 262_144
# By the clock, beside the limit of processor time: a stopped process takes none.
PATIENCE = 120


class Row(NamedTuple):
    """A row that holds something: its number in the sheet, from 1, and its cells as `xlsx_rows` writes them."""

    number: int
    cells: list[Any]


def rows(read: Read) -> Iterator[Row]:
    """The rows of the first sheet. Raises FileRefused: damaged, harmful, or beyond the limits."""
    with _reader() as process, _killed_after(process, PATIENCE):
        if process.stdin is None or process.stdout is None:
            raise AssertionError("the pipes of a process that was started with pipes are missing")
        _hand_over(read, process.stdin)
        for line in process.stdout:
            if not line.endswith(b"\n"):
                break
            found = json.loads(line)
            if isinstance(found, list):
                yield Row(*found)
            elif "refused" in found:
                raise FileRefused(*found["refused"])
            else:
                return
    raise FileRefused(
        "xlsx.limits",
        f"reading the workbook takes over {MEMORY >> 20} MB, or over {SECONDS} seconds: hand in its rows as CSV.",
    )


@contextmanager
def _reader() -> Iterator[subprocess.Popen[bytes]]:
    # -P: no module of the folder where we stand. Without our environment, which holds secrets.
    command = [sys.executable, "-P", "-m", "app.imports.xlsx_rows"]
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "VIRTUAL_ENV") if name in os.environ}
    with subprocess.Popen(  # noqa: S603 - our own module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment | {"PYTHONIOENCODING": "utf-8", "RUST_BACKTRACE": "0"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def _killed_after(process: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _hand_over(read: Read, stdin: IO[bytes]) -> None:
    """Give the whole workbook over; the process answers only when it has it all, so neither waits for the other."""
    try:
        while block := read(BLOCK):
            stdin.write(block)
        stdin.close()
    except BrokenPipeError:
        # It refused before the end, or died: its answer, or the lack of one, tells.
        return

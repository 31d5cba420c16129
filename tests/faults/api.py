"""`annuaire serve` as a process of its own, and clients that ask it in great numbers."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.embedded import free_port
from tests.faults.commands import PATIENCE, Process, started, words
from tests.harness.database import Database

PEPPER = "pepper-of-the-tests"
# One client asks for many: what callers are bound to is not what is tried.
UNBOUND = {"anonymous_budget": "0", "anonymous_rate": "0", "key_rate": "0", "consultation_days": "0"}


@contextmanager
def api(database: Database, folder: Path, port: int | None = None, **settings: str) -> Iterator[tuple[Process, int]]:
    """The API, ready: its process and its port."""
    port = port or free_port()
    given = {"key_pepper": PEPPER, "log_level": "warning", "publish_with_key": "true", **UNBOUND, **settings}
    with started(database, folder, "serve", "--port", str(port), **given) as process:
        until_ready(process, port, folder)
        yield process, port


def until_ready(process: Process, port: int, folder: Path) -> None:
    """Until it answers /readyz."""
    deadline = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, words(folder)
        assert time.monotonic() < deadline, words(folder)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)

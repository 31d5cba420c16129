"""What is known of mailboxes while a file is read: on the disk, so that memory stays flat whatever a network has."""

import json
import sqlite3
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.members.wishes import Stated

SCHEMA = """
PRAGMA journal_mode = off;
PRAGMA synchronous = off;
CREATE TABLE own (address TEXT PRIMARY KEY, stated TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE seen (address TEXT PRIMARY KEY, line INTEGER NOT NULL) WITHOUT ROWID;
"""


class Shelf:
    """Own mailboxes by address, as the directory had them at the start, and the addresses of the file so far.

    It lies in a folder of its own, which only we can read, and goes with it (`with`).
    """

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="annuaire-")
        self._file = sqlite3.connect(Path(self._folder.name) / "shelf", isolation_level=None)
        self._file.executescript(SCHEMA)
        # One transaction to the end: a lock and a write for each line took a fifth of the time that a run needs here.
        self._file.execute("BEGIN")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._folder.cleanup()

    def put(self, mailboxes: Iterable[tuple[str, Stated]]) -> int:
        """Note own mailboxes. Returns how many these were."""
        rows = ((address, json.dumps(stated)) for address, stated in mailboxes)
        return self._file.executemany("INSERT OR REPLACE INTO own VALUES (?, ?)", rows).rowcount

    def own(self, address: str) -> dict[str, Any] | None:
        """How an own mailbox was; None where there was none."""
        found = self._file.execute("SELECT stated FROM own WHERE address = ?", [address]).fetchone()
        return json.loads(found[0]) if found else None

    def first_line(self, address: str, line: int) -> int:
        """The line of the file on which this address stands first: this one, or the one noted before."""
        self._file.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", [address, line])
        (first,) = self._file.execute("SELECT line FROM seen WHERE address = ?", [address]).fetchone()
        return int(first)

    def not_in_file(self) -> int:
        """How many own mailboxes no line named."""
        row = self._file.execute("SELECT count(*) FROM own WHERE address NOT IN (SELECT address FROM seen)").fetchone()
        return int(row[0])

"""A copy in one SQLite file."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.console import Refused
from app.replica.copy import PORTION, Copy

LOCK_SECONDS = 30.0
TABLES = """
CREATE TABLE IF NOT EXISTS annuaire_resource (
  kind TEXT NOT NULL, key TEXT NOT NULL, slot INTEGER NOT NULL, fingerprint BLOB NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS annuaire_resource_slot ON annuaire_resource (slot, kind, key, fingerprint);
CREATE TABLE IF NOT EXISTS annuaire_follower (
  singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
  cursor TEXT, edition INTEGER NOT NULL, proved_edition INTEGER, proved_root TEXT, checkpoint TEXT
) STRICT;
INSERT INTO annuaire_follower (singleton, edition) VALUES (1, 0) ON CONFLICT DO NOTHING;
"""


class SqliteCopy(Copy):
    """Closed by its block. Others may read the file meanwhile."""

    def __init__(self, path: Path) -> None:
        """Raises Refused: the file cannot be used."""
        try:
            self._connection = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)
            # Readers are not held up. A power failure may take the last pages, rows with cursor: they come again.
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(f"BEGIN IMMEDIATE;{TABLES}COMMIT;")
        except sqlite3.Error as error:
            raise Refused(f"{path} cannot hold a copy: {error}", "replica.copy") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def read(self, statement: str, *parameters: Any) -> Iterator[tuple[Any, ...]]:
        cursor = self._connection.execute(_own(statement), parameters)
        while rows := cursor.fetchmany(PORTION):
            yield from rows

    def write(self, statement: str, *parameters: Any) -> int:
        return self._connection.execute(_own(statement), parameters).rowcount

    def write_many(self, statement: str, parameters: Sequence[tuple[Any, ...]]) -> None:
        self._connection.executemany(_own(statement), parameters)


def _own(statement: str) -> str:
    """The statement with SQLite's mark for a value."""
    return statement.replace("%s", "?")

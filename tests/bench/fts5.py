"""SQLite FTS5 over the same names: words with a prefix index; trigrams where no word fits.

It is asked directly, without HTTP, and gives names, no documents.
"""

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from tests.search_corpus.people import Person, words

NAME = "FTS5"
# Rows are entered in the order of names, so the first that fit are the first by name: nothing is sorted.
SCHEMA = """
CREATE TABLE person (id INTEGER PRIMARY KEY, family TEXT, given TEXT);
CREATE VIRTUAL TABLE word USING fts5 (name, content='', detail=none, prefix='1 2 3 4', tokenize='ascii');
CREATE VIRTUAL TABLE trigram USING fts5 (name, content='', tokenize='trigram');
"""
BY_WORDS = """
SELECT family, given FROM person JOIN (SELECT rowid AS n FROM word WHERE word MATCH ? LIMIT ?) ON id = n
"""
BY_TRIGRAMS = """
SELECT family, given FROM person
JOIN (SELECT rowid AS n FROM trigram WHERE trigram MATCH ? ORDER BY rank LIMIT ?) ON id = n
"""


class Fts5:
    """An index in one file."""

    def __init__(self, folder: Path, persons: Sequence[Person]) -> None:
        self._path = folder / "fts5.sqlite"
        began = time.perf_counter()
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        self._connection.executescript("PRAGMA journal_mode = OFF; PRAGMA cache_size = -500000;" + SCHEMA)
        self._fill(persons)
        self.build_seconds = time.perf_counter() - began

    def _fill(self, persons: Sequence[Person]) -> None:
        execute = self._connection
        execute.execute("BEGIN")
        rows = sorted((" ".join(words(person.family) + words(person.given)), *person) for person in persons)
        execute.executemany("INSERT INTO person (family, given) VALUES (?, ?)", ((row[1], row[2]) for row in rows))
        for table in ("word", "trigram"):
            numbered = ((at, row[0]) for at, row in enumerate(rows, 1))
            execute.executemany(f"INSERT INTO {table} (rowid, name) VALUES (?, ?)", numbered)
        execute.execute("COMMIT")
        for table in ("word", "trigram"):
            execute.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")

    @property
    def size(self) -> int:
        """Bytes on disk, the names included."""
        return self._path.stat().st_size

    def search(self, text: str, limit: int) -> list[Person]:
        """Those who have every word, or its beginning; where there are none, those with the most trigrams in common."""
        typed = words(text)
        found = self._rows(BY_WORDS, " ".join(f'"{word}"*' for word in typed), limit)
        trigrams = dict.fromkeys(word[at : at + 3] for word in typed for at in range(len(word) - 2))
        if not found and trigrams:
            found = self._rows(BY_TRIGRAMS, " OR ".join(f'"{trigram}"' for trigram in trigrams), limit)
        return found

    def _rows(self, statement: str, match: str, limit: int) -> list[Person]:
        return [Person(*row) for row in self._connection.execute(statement, (match, limit))]

    def close(self) -> None:
        self._connection.close()

"""A copy of the directory: two tables, the same in every database.

    annuaire_resource   one row per published resource: kind, key, slot of the digest, fingerprint, document
    annuaire_follower   one row: how far the copy is, and what proved it last

Rows and cursor are written in one transaction. Whoever is killed finds them together, and reads the same page again.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from app.console import Refused
from app.publication.digest_tree import Row
from app.replica.document import Resource
from app.replica.source import Checkpoint

PORTION = 1_000
HELD = "SELECT cursor, edition FROM annuaire_follower"
MOVE = """
UPDATE annuaire_follower SET cursor = %s, edition = %s WHERE cursor IS NOT DISTINCT FROM %s AND edition = %s
"""
PUT = """
INSERT INTO annuaire_resource (kind, key, slot, fingerprint, document) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (kind, key) DO UPDATE
  SET slot = excluded.slot, fingerprint = excluded.fingerprint, document = excluded.document
"""
DELETE = "DELETE FROM annuaire_resource WHERE kind = %s AND key = %s"
EMPTY = "DELETE FROM annuaire_resource"
ROWS = "SELECT slot, kind, key, fingerprint FROM annuaire_resource ORDER BY slot"
IN_SLOT = "SELECT kind, key, fingerprint FROM annuaire_resource WHERE slot = %s"
DOCUMENTS = "SELECT kind, key, slot, fingerprint, document FROM annuaire_resource"
OF_KIND = "SELECT document FROM annuaire_resource WHERE kind = %s ORDER BY key"
PROVED = "UPDATE annuaire_follower SET proved_edition = %s, proved_root = %s, checkpoint = %s"
PROOF = "SELECT proved_edition, proved_root, checkpoint FROM annuaire_follower"


class Held(NamedTuple):
    """How far a copy is. Without a cursor it has not begun; `edition` is the last change that it holds."""

    cursor: str | None
    edition: int


class Proved(NamedTuple):
    """What proved the copy last. `checkpoint`: as the directory signed it, to show to anybody."""

    edition: int | None
    root: str | None
    checkpoint: str | None


class Copy(ABC):
    """A copy in some database. One follower writes it."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Any]:
        """All or nothing of what the block writes."""

    @abstractmethod
    def read(self, statement: str, *parameters: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, a portion at a time."""

    @abstractmethod
    def write(self, statement: str, *parameters: Any) -> int:
        """Change rows. Returns how many."""

    @abstractmethod
    def write_many(self, statement: str, parameters: Sequence[tuple[Any, ...]]) -> None:
        """Change rows by each of these parameters."""

    @property
    def held(self) -> Held:
        (row,) = self.read(HELD)
        return Held(*row)

    @property
    def proved(self) -> Proved:
        (row,) = self.read(PROOF)
        return Proved(*row)

    def note_proof(self, checkpoint: Checkpoint) -> None:
        """Keep what proved the copy."""
        with self.transaction():
            self.write(PROVED, checkpoint.edition, checkpoint.root, checkpoint.token)

    def move(self, before: Held, after: Held) -> None:
        """Write how far the copy is, in the caller's transaction. Raises Refused when another follower has moved it."""
        if not self.write(MOVE, *after, *before):
            raise Refused("another follower writes this copy: let one of them do it", "replica.two_followers")

    def put(self, resources: Sequence[Resource]) -> None:
        self.write_many(PUT, resources)

    def delete(self, names: Iterable[tuple[str, str]]) -> None:
        self.write_many(DELETE, list(names))

    def empty(self) -> None:
        self.write(EMPTY)

    def rows(self) -> Iterator[tuple[int, Row]]:
        """(slot, row) of everything, slot by slot."""
        for slot, kind, key, fingerprint in self.read(ROWS):
            yield slot, (kind, key, bytes(fingerprint))

    def rows_in(self, slot: int) -> list[Row]:
        return [(kind, key, bytes(fingerprint)) for kind, key, fingerprint in self.read(IN_SLOT, slot)]

    def resources(self) -> Iterator[Resource]:
        """Everything, in any order."""
        for kind, key, slot, fingerprint, document in self.read(DOCUMENTS):
            yield Resource(kind, key, slot, bytes(fingerprint), document)

    def documents(self, kind: str) -> Iterator[str]:
        """The documents of one kind in order of their keys."""
        for (document,) in self.read(OF_KIND, kind):
            yield document

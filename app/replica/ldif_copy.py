"""A copy as LDIF: the tree of mailboxes as our own slapd holds it, written anew each time the copy was proved.

The copy itself stands in a SQLite file beside it, since one needs all resources to prove anything: FILE.sqlite.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from app.ldap.entries import Unstorable, entry
from app.ldap.ldif import record
from app.ldap.operations import State, foundation
from app.ldap.tree import Tree
from app.replica.source import Checkpoint
from app.replica.sqlite_copy import SqliteCopy


class LdifCopy(SqliteCopy):
    """FILE is whole at every moment: another one takes its place."""

    def __init__(self, path: Path, suffix: str) -> None:
        super().__init__(path.with_name(f"{path.name}.sqlite"))
        self._path = path
        self._suffix = suffix

    def note_proof(self, checkpoint: Checkpoint) -> None:
        super().note_proof(checkpoint)
        partial = self._path.with_name(f"{self._path.name}.partial")
        with partial.open("wb") as stream:
            stream.writelines(self._records(checkpoint))
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(self._path)

    def _records(self, checkpoint: Checkpoint) -> Iterator[bytes]:
        state = State(checkpoint.edition, checkpoint.epoch, checkpoint.root, checkpoint.edition)
        for above in foundation(self._suffix, state):
            yield record(above.dn, above.attributes)
        tree = Tree(self._suffix)
        for text in self.documents("mailbox"):
            document = json.loads(text)
            try:
                attributes = entry(document)
            except Unstorable:  # an address that no entry can be named by; our own tree leaves it out too
                continue
            yield record(tree.dn(document["address"]), attributes)

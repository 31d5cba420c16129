"""The digest of the current edition: the tree that was reckoned last, and the slots that changes touched since.

    what the caller holds ─┐
    table digest_tree ─────┴─► the newer one, at edition M ─► changes after M ─► their slots, hashed again ─► root
                                └─ of another epoch, pruned log, half the directory changed: all slots, from the index

Nothing here is part of publishing, nothing is locked: publication, log and edition come from one snapshot. The worker
keeps digest_tree close behind (app.publication.digest_keeping), so that a process that starts, or a command, has few
slots to hash. A tree that is lost costs time alone.
"""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from app.publication.digest_tree import EMPTY_TREE, Tree

# Beyond so many changes nearly all slots are touched, and to find out which takes longer than to hash the rest.
MANY_CHANGES = 100_000
NUMBERED = "SELECT edition, epoch FROM directory"
KEPT = """
SELECT d.edition, d.epoch, t.edition, t.leaves FROM directory d LEFT JOIN digest_tree t ON t.epoch = d.epoch
"""
# For several statements about one state. Locked first, which hinders no writer: the snapshot is then that of these very
# tables, which the first publication replaces (app.publication.bulk).
ONE_SNAPSHOT = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "LOCK TABLE publication, change IN ACCESS SHARE MODE",
)
HASHED = (Path(__file__).parent / "digest.sql").read_text("utf-8")

Connection = psycopg.Connection[Any]
AsyncConnection = psycopg.AsyncConnection[Any]
Question = tuple[str, dict[str, Any]]
Answer = Sequence[tuple[Any, ...]]


class Digest(NamedTuple):
    """The proof of one edition: `root` is 64 hexadecimal digits."""

    edition: int
    epoch: str
    root: str


class Reckoned(NamedTuple):
    """The tree of one edition."""

    edition: int
    epoch: str
    tree: Tree

    @property
    def digest(self) -> Digest:
        return Digest(self.edition, self.epoch, self.tree.root)


def root(connection: Connection) -> Digest:
    """The digest of the current edition, or of that which the connection's snapshot sees."""
    return reckon(connection).digest


def reckon(connection: Connection, held: Reckoned | None = None) -> Reckoned:
    """The tree of the current edition, from the one that the caller holds if that helps."""
    steps = _steps(held)
    question = next(steps)
    while True:
        text, parameters = question
        # Not prepared: how many changes there are since decides the plan.
        answer = connection.execute(text.encode(), parameters, prepare=False).fetchall()
        try:
            question = steps.send(answer)
        except StopIteration as end:
            reckoned: Reckoned = end.value
            return reckoned


async def reckon_async(connection: AsyncConnection, held: Reckoned | None = None) -> Reckoned:
    """The same for the API."""
    steps = _steps(held)
    question = next(steps)
    while True:
        text, parameters = question
        answer = await (await connection.execute(text.encode(), parameters, prepare=False)).fetchall()
        try:
            question = steps.send(answer)
        except StopIteration as end:
            reckoned: Reckoned = end.value
            return reckoned


def reckon_whole(connection: Connection) -> Reckoned:
    """The tree from all rows, whatever was reckoned before: what the others are held against."""
    return _over(EMPTY_TREE, connection.execute(HASHED.encode(), {"after": None}, prepare=False).fetchall())


def _steps(held: Reckoned | None) -> Generator[Question, Answer, Reckoned]:
    """What to ask PostgreSQL, one after the other. Each answer is of one snapshot and says its edition, so it does not
    matter whether all are.
    """
    edition, epoch = _one((yield NUMBERED, {}))
    if held is None or not _is_near(held, edition, epoch):
        edition, epoch, at, leaves = _one((yield KEPT, {}))
        held = None if leaves is None else Reckoned(at, epoch, Tree.of(leaves))
    if held and held[:2] == (edition, epoch):
        return held
    if held and _is_near(held, edition, epoch):
        rows = yield HASHED, {"after": held.edition}
        _, epoch, oldest = _one(rows)[:3]
        if held.epoch == epoch and oldest <= held.edition + 1:
            return _over(held.tree, rows)
    return _over(EMPTY_TREE, (yield HASHED, {"after": None}))


def _is_near(held: Reckoned, edition: int, epoch: str) -> bool:
    """Whether it is quicker to begin with this tree than with all rows."""
    return held.epoch == epoch and 0 <= edition - held.edition <= MANY_CHANGES


def _over(tree: Tree, rows: Answer) -> Reckoned:
    edition, epoch = _one(rows)[:2]
    return Reckoned(edition, epoch, tree.changed({slot: leaf for *_, slot, leaf in rows if slot is not None}))


def _one(rows: Answer) -> tuple[Any, ...]:
    if not rows:
        raise LookupError("the table directory is empty: run `annuaire db upgrade`")
    return rows[0]

"""The way down to what is wrong in a copy: root, 256 nodes, 256 slots below one, the resources in one slot.

The directory does not stand still meanwhile. Each answer says its edition E; the copy is brought to E by the feed, and
what changed after E is left out of the comparison: it is new, not wrong. A wrong row beside it is found the next time.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from app.console import Refused
from app.publication.digest_tree import FAN, leaf_of, slot_of, tree_of
from app.replica.follower import MOST_TRIES, Follower

Name = tuple[str, str]
T = TypeVar("T")

# Beyond so many wrong slots a new copy costs less.
MOST_SLOTS = 2_000


class TooMuchWrong(Exception):
    """So much differs that the copy should begin anew."""


class Descent:
    """One way down, from a copy that was found wrong."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._copy = follower.copy
        self._tree = tree_of(self._copy.rows())
        self._begun = follower.begun

    def wrong(self) -> set[Name]:
        """Resources that the copy lacks, has too many, or has wrong. Raises TooMuchWrong."""
        nodes, late = self._settled(self._follower.source.nodes)
        slots = [
            slot
            for node in _differing(nodes, self._tree.nodes)
            if node not in {slot_of(*name) // FAN for name in late}
            for slot in self._wrong_slots(node)
        ]
        if len(slots) > MOST_SLOTS:
            raise TooMuchWrong
        return {name for slot in slots for name in self._wrong_names(slot)}

    def _wrong_slots(self, node: int) -> list[int]:
        slots, late = self._settled(partial(self._follower.source.slots, node))
        found = [node * FAN + place for place in _differing(slots, self._tree.slots_of(node))]
        return [slot for slot in found if slot not in {slot_of(*name) for name in late}]

    def _wrong_names(self, slot: int) -> set[Name]:
        rows, late = self._settled(partial(self._follower.source.rows, slot))
        theirs = {(kind, key): fingerprint for kind, key, fingerprint in rows}
        ours = {(kind, key): fingerprint for kind, key, fingerprint in self._copy.rows_in(slot)}
        return {name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name)} - late

    def _settled(self, ask: Callable[[], tuple[int, T]]) -> tuple[T, set[Name]]:
        """What the directory says, the copy brought to the edition of the answer, and what was read after that."""
        for _ in range(MOST_TRIES):
            edition, answer = ask()
            if edition >= self._copy.held.edition:
                return answer, self._follow_to(edition)
            # It came from a node that is behind the one whose feed we read.
        raise Refused("the directory answers with editions older than its feed", "replica.behind")

    def _follow_to(self, edition: int) -> set[Name]:
        """Take pages up to this edition at least. Returns what was touched after it.

        A document of a page may be newer than its change: only once the last page ends at its edition have the changes
        that made it so been read, however long the backlog.
        """
        touched: set[Name] = set()
        late: set[Name] = set()
        is_whole = True
        while self._copy.held.edition < edition or not is_whole:
            page = self._follower.step()
            is_whole = page.is_at_edition
            for change in page.changes:
                name = (change.kind, change.key)
                touched.add(name)
                if change.sequence > edition:
                    late.add(name)
        if self._follower.begun != self._begun:
            raise TooMuchWrong
        slots = {slot_of(*name) for name in touched}
        self._tree = self._tree.changed({slot: leaf_of(self._copy.rows_in(slot)) for slot in slots})
        return late


def _differing(theirs: Sequence[bytes], ours: Sequence[bytes]) -> list[int]:
    return [number for number, pair in enumerate(zip(theirs, ours, strict=True)) if pair[0] != pair[1]]

"""The proof of a copy: its root, computed from its own rows, is the one that the directory signed for that edition.

restate ─► catch up ─► root of the rows = root of the checkpoint ─► proved, the checkpoint is kept
                          └─ differs ─► descent ─► what is wrong ─► fetched again ─► once more from the catching up
"""

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from app.console import Refused
from app.publication.digest_tree import slot_of, tree_of
from app.replica.copy import Copy
from app.replica.descent import Descent, Name, TooMuchWrong
from app.replica.document import Resource, resource_of
from app.replica.follower import Follower
from app.replica.source import Checkpoint

# Each round finds all that is wrong but what changes at that very moment.
MOST_ROUNDS = 10


class Outcome(NamedTuple):
    """What became of a proof. `wrong`: what was found; `is_equal`: whether the copy is right now, repaired or not."""

    checkpoint: Checkpoint
    is_equal: bool
    wrong: list[Name]
    begun_anew: bool


def prove(follower: Follower, *, repairs: bool, restates: bool = True) -> Outcome:
    """Catch up and compare; find what is wrong, and make it right with `repairs`.

    `restates`: fingerprints are computed from the documents first, not taken as they stand in the copy. Raises Refused
    when a copy does not become right.
    """
    begun = follower.begun
    if restates:
        restate(follower.copy)
    wrong: set[Name] = set()
    for _ in range(MOST_ROUNDS):
        checkpoint = follower.checkpoint()
        is_equal = tree_of(follower.copy.rows()).root == checkpoint.root
        if is_equal:
            follower.copy.note_proof(checkpoint)
            return Outcome(checkpoint, is_equal, sorted(wrong), follower.begun > begun)
        try:
            found = Descent(follower).wrong()
        except TooMuchWrong as fault:
            if not repairs:
                raise Refused(
                    "too much is wrong to name it: verify with --repair begins anew", "replica.wrong"
                ) from fault
            follower.forget()
            continue
        wrong |= found
        if found and not repairs:
            return Outcome(checkpoint, is_equal, sorted(wrong), follower.begun > begun)
        repair(follower, found)
    raise Refused(f"the copy does not become equal: {len(wrong)} resources were wrong", "replica.wrong")


def repair(follower: Follower, names: Iterable[Name]) -> None:
    """Write these resources as they are now, and take away what is not published. The cursor stays where it was."""
    wanted = list(names)
    found = follower.source.resources(wanted)
    with follower.copy.transaction():
        follower.copy.put(list(found.values()))
        follower.copy.delete(name for name in wanted if name not in found)


def restate(copy: Copy) -> list[Name]:
    """Compute slot and fingerprint of every document again, and write those that are not what the copy says of it."""
    other = [fresh for held in copy.resources() if (fresh := _stated(held)) != held]
    with copy.transaction():
        copy.put(other)
    return [(resource.kind, resource.key) for resource in other]


def _stated(held: Resource) -> Resource:
    try:
        document = json.loads(held.document)
    except ValueError:
        document = None
    if isinstance(document, dict):
        return resource_of(held.kind, held.key, document)._replace(document=held.document)
    # No document of ours: it gets the fingerprint of something that is nowhere published.
    return held._replace(slot=slot_of(held.kind, held.key), fingerprint=sha256(held.document.encode()).digest())

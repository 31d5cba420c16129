"""What files do to the registry, and whether a run can be taken back (docs/writing.md, trust.md, operations.md).

A run remembers what it found, so that an undo puts it back; a row that somebody else wrote since holds the whole undo.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tests.model.directory import Box, Directory, Pair


class Line(NamedTuple):
    """A line of the extraction: who holds the address, and at which service."""

    type: str
    holder: str
    service: str | None


@dataclass
class Run:
    """One applied run, and what stood where it wrote: nothing (None), or the row before."""

    id: str
    boxes: dict[str, Box | None] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)
    people: dict[str, bool] = field(default_factory=dict)
    pairs: dict[tuple[str, str], Pair | None] = field(default_factory=dict)
    certified: dict[str, str | None] = field(default_factory=dict)
    certified_by_it: set[str] = field(default_factory=set)
    admitted: set[str] = field(default_factory=set)
    moved: dict[tuple[str, str], str] = field(default_factory=dict)


def register(directory: Directory, run: Run, active: Iterable[str]) -> None:
    """A full file of persons: who is not in it is struck off, who is in it again is back."""
    named = set(active)
    for person, was in directory.people.items():
        if was != (person in named):
            run.people[person] = was
            directory.people[person] = not was


def extraction(directory: Directory, run: Run, lines: Mapping[str, Line]) -> None:
    """The mailboxes of a full extraction: it speaks of those alone that no operator has written."""
    for address, line in lines.items():
        before = directory.boxes.get(address)
        if before is not None and before.source == "api":
            continue
        after = Box(address, line.type, line.holder, None, "mssante", service=line.service)
        if before is None:
            _put(directory, run, after)
            continue
        if before.holder != line.holder:
            run.holders[address] = before.holder
        if replace(before, run=None, holder=line.holder) != after:
            _put(directory, run, after)
        else:
            directory.boxes[address] = replace(before, holder=line.holder)
    for address, box in list(directory.boxes.items()):
        if box.source == "mssante" and box.state == "active" and address not in lines:
            _put(directory, run, replace(box, state="withdrawn"))


def white_list(directory: Directory, run: Run, listed: Iterable[tuple[str, str]]) -> None:
    """A white list: the pairs of domain and operator that it names, and no others.

    A domain that was transferred stays its receiver's while the list names the giver and not the receiver.
    """
    named = set(listed)
    for domain in {domain for domain, _ in directory.moved}:
        _heard(directory, run, domain, named)
    _certify(directory, run, {op for _, op in listed})
    before = dict(directory.pairs)
    for pair in named - before.keys():
        _pair(directory, run, pair, Pair("liste_blanche", run.id))
    for pair, by in before.items():
        if pair not in named:
            _pair(directory, run, pair, None)
        elif by.source == "admin" and not _is_kept(directory, pair):
            _pair(directory, run, pair, Pair("liste_blanche", run.id))
    for operator in {op for _, op in before} - {op for _, op in directory.pairs}:
        # One with a domain by transfer is not the list's to take away.
        if all(by.source == "liste_blanche" for (_, op), by in before.items() if op == operator):
            run.certified[operator] = directory.certified.pop(operator)


def _heard(directory: Directory, run: Run, domain: str, named: set[tuple[str, str]]) -> None:
    """What a list says of a domain that was transferred: it has not heard of it, or it decides again."""
    moves = {pair: to for pair, to in directory.moved.items() if pair[0] == domain}
    kept = {
        (domain, to)
        for to in moves.values()
        if directory.pairs.get((domain, to), Pair("liste_blanche")).source == "admin"
    }
    if kept and moves.keys() & named and not kept & named:
        named.difference_update(moves)
        named.update(kept)
        return
    for pair, to in moves.items():
        run.moved[pair] = to
        del directory.moved[pair]


def _is_kept(directory: Directory, pair: tuple[str, str]) -> bool:
    """Whether a pair stands by a transfer that the list has not heard of."""
    return any((domain, to) == pair for (domain, _), to in directory.moved.items())


def _certify(directory: Directory, run: Run, operators: set[str]) -> None:
    """Who is listed has a certificate, and is active: who lists it answers for it."""
    for operator in operators - directory.certified.keys():
        run.certified_by_it.add(operator)
        directory.certified[operator] = run.id
    for operator in {op for op in operators if directory.operators[op] == "candidate"}:
        run.admitted.add(operator)
        directory.admitted[operator] = run.id
        directory.operators[operator] = "active"


def _pair(directory: Directory, run: Run, pair: tuple[str, str], now: Pair | None) -> None:
    run.pairs[pair] = directory.pairs.get(pair)
    if now is None:
        del directory.pairs[pair]
    else:
        directory.pairs[pair] = now


def can_undo(directory: Directory, run: Run) -> bool:
    """Whether nobody else wrote what the run wrote, or refers to what it brought."""
    boxes = all(directory.boxes[address].run == run.id for address in run.boxes)
    holders = all(directory.boxes[address].source == "mssante" for address in run.holders)
    pairs = all(
        by.run == run.id if (by := directory.pairs.get(pair)) else before is not None
        for pair, before in run.pairs.items()
    )
    certified = all(directory.certified.get(op) == run.id for op in run.certified_by_it)
    there_again = run.certified.keys() & directory.certified.keys() or run.moved.keys() & directory.moved.keys()
    admitted = all(directory.admitted.get(op) == run.id for op in run.admitted)
    referred = {op for (_, op), by in directory.pairs.items() if by.run != run.id}
    return (
        boxes
        and holders
        and pairs
        and certified
        and admitted
        and not there_again
        and not referred & run.certified_by_it
    )


def undo(directory: Directory, run: Run) -> None:
    """Everything that the run wrote as it was before."""
    for address, box in run.boxes.items():
        if box is None:
            del directory.boxes[address]
        else:
            directory.boxes[address] = box
    for address, holder in run.holders.items():
        directory.boxes[address] = replace(directory.boxes[address], holder=holder)
    directory.people |= run.people
    for pair, by in run.pairs.items():
        if by is None:
            del directory.pairs[pair]
        else:
            directory.pairs[pair] = by
    for operator in run.certified_by_it:
        del directory.certified[operator]
    directory.certified |= run.certified
    directory.moved |= run.moved
    for operator in run.admitted:
        directory.operators[operator] = "candidate"
        del directory.admitted[operator]


def _put(directory: Directory, run: Run, after: Box) -> None:
    run.boxes[after.address] = directory.boxes.get(after.address)
    directory.boxes[after.address] = replace(after, run=run.id)

"""The whole tree against the publication, entry by entry: value by value, or by the change that each was written by."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, TypeAlias, TypeVar

import psycopg

from app.ldap.batch import wanted
from app.ldap.client import Exporter
from app.ldap.documents import addresses, current, sequences
from app.ldap.entries import Entry

PORTION = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Difference:
    """One entry that is not what the publication says.

    `name` is the address; of a foreign entry, which is named otherwise, its DN. `attributes` are those that differ;
    `reason` says why a mailbox cannot have an entry.
    """

    name: str
    kind: Literal["missing", "extra", "different", "foreign"]
    attributes: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """A portion of the tree: how many of its entries were looked at, and what differs."""

    entries: int
    differences: list[Difference]


# A way to compare a tree with what is published. The caller opened a transaction.
Comparison: TypeAlias = Callable[[psycopg.Connection[Any], Exporter], Iterator[Compared]]


def compare(connection: psycopg.Connection[Any], exporter: Exporter) -> Iterator[Compared]:
    """The whole tree, portion by portion, then what it lacks.

    The caller opened a transaction. Holds all addresses in memory, and no more than a portion of entries.
    """
    seen: set[str] = set()
    for found in exporter.entries():
        named = {address: attributes for dn, attributes in found if (address := exporter.tree.address(dn)) is not None}
        foreign = [Difference(dn, "foreign") for dn, _ in found if exporter.tree.address(dn) is None]
        seen.update(named)
        yield Compared(len(found), foreign + _differences(connection, list(named), named))
    for keys in portions((key for key in addresses(connection) if key not in seen), PORTION):
        yield Compared(0, _differences(connection, keys, {}))


def compare_sequences(connection: psycopg.Connection[Any], exporter: Exporter) -> Iterator[Compared]:
    """The same by `annuaireSequence` alone: what was written by the same change is not looked at.

    It proves something only of a tree of the same history, which nobody but the exporter wrote: in another one, the
    same number stands for another change. Holds all addresses and their sequences in memory.
    """
    missing = sequences(connection)
    for found in exporter.sequences():
        differences = [
            difference
            for dn, sequence in found
            if (difference := _otherwise(dn, sequence, exporter.tree.address(dn), missing))
        ]
        yield Compared(len(found), differences)
    for keys in portions(missing, PORTION):
        yield Compared(0, [Difference(key, "missing") for key in keys])


def _otherwise(dn: str, sequence: str | None, address: str | None, missing: dict[str, int]) -> Difference | None:
    """What is wrong with an entry by its sequence. Its address is missing no more."""
    if address is None:
        return Difference(dn, "foreign")
    published = missing.pop(address, None)
    if published is None:
        return Difference(address, "extra")
    return None if sequence == str(published) else Difference(address, "different", ("annuaireSequence",))


def compare_some(connection: psycopg.Connection[Any], exporter: Exporter, names: Iterable[str]) -> list[Difference]:
    """The same for some addresses alone, as they are now."""
    found: list[Difference] = []
    for keys in portions(names, PORTION):
        found.extend(_differences(connection, keys, exporter.read(keys)))
    return found


def portions(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of `size`, the last one shorter."""
    iterator = iter(items)
    while portion := list(islice(iterator, size)):
        yield portion


def _differences(
    connection: psycopg.Connection[Any], names: Sequence[str], stored: Mapping[str, Entry]
) -> list[Difference]:
    expected, refused = wanted(current(connection, names))
    found: list[Difference] = []
    for name in names:
        there, right = stored.get(name), expected[name]
        if there == right and name not in refused:
            continue
        if there is None:
            found.append(Difference(name, "missing", reason=refused.get(name)))
        elif right is None:
            found.append(Difference(name, "extra", reason=refused.get(name)))
        else:
            differing = sorted(key for key in {**there, **right} if there.get(key) != right.get(key))
            found.append(Difference(name, "different", tuple(differing)))
    return found

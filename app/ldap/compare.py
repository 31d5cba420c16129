"""The whole tree against the publication, entry by entry, value by value."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, TypeVar

import psycopg

from app.ldap.batch import wanted
from app.ldap.client import Exporter
from app.ldap.documents import addresses, current
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

"""What clients send to LDAP, asked over a number of connections, each of which asks again as soon as it is answered."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle

import uvloop

from app.ldap.tree import escape
from tests.bench.traffic import LDAP_LIMIT
from tests.bench.wires import LdapWire, Pool, ldap_search
from tests.ldap.test_clients import (
    BASE,
    DOVECOT,
    LBDB,
    OUTLOOK_BOOK,
    OUTLOOK_TO,
    POSTFIX,
    THUNDERBIRD_BOOK,
    THUNDERBIRD_TO,
)

ADMIN_LIMIT_EXCEEDED = 11
CONNECTIONS = (1, 8, 64)
# (address, RPPS, family name) of a person.
Person = tuple[str, str, str]
KINDS: Mapping[str, Callable[[Person], str]] = {
    "mail equality (Postfix)": lambda person: POSTFIX.format(escape(person[0])),
    "mail equality (Dovecot)": lambda person: DOVECOT.format(escape(person[0])),
    "IdentifiantPP equality": lambda person: f"(IdentifiantPP={escape(person[1])})",
    "sn prefix, 4 letters": lambda person: f"(sn={_typed(person, 4)}*)",
    "Thunderbird, 3 letters": lambda person: THUNDERBIRD_TO.format(_typed(person, 3)),
    "Thunderbird, 4 letters": lambda person: THUNDERBIRD_TO.format(_typed(person, 4)),
    "Thunderbird, surname": lambda person: THUNDERBIRD_TO.format(_typed(person, None)),
    "Thunderbird, book": lambda person: THUNDERBIRD_BOOK.format(_typed(person, 4)),
    "Outlook, book": lambda person: OUTLOOK_BOOK.format(_typed(person, 4)),
    "Outlook, To line": lambda person: OUTLOOK_TO.format(_typed(person, 4)),
    "lbdb, 4 letters": lambda person: LBDB.format(_typed(person, 4)),
}
# Each would look at every entry.
UNINDEXED = (
    "(sn=*)",
    "(telephoneNumber=*99)",
    "(street=*rue*)",
    "(cn=*zq*)",
    "(!(cn=a))",
    "(&(sn=*)(givenName=*)(o=*))",
    "(|(cn=*gaga*)(mobile=*gaga*))",
)


@dataclass
class Searched:
    """How it went: seconds in all, those of each search, and how often each result code."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    codes: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    @property
    def refused(self) -> float:
        """Share in per cent."""
        return self.codes[ADMIN_LIMIT_EXCEEDED] / len(self.latencies) * 100

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3


def all_kinds(port: int, persons: Sequence[Person], seconds: float) -> dict[tuple[str, int], Searched]:
    """Every kind of search, over each number of connections."""
    found = {}
    for name, query in KINDS.items():
        searches = [ldap_search(BASE, query(person), limit=LDAP_LIMIT) for person in persons]
        for connections in CONNECTIONS:
            found[name, connections] = search(port, searches, connections, seconds)
    return found


def unindexed(port: int, seconds: float) -> Searched:
    """The filters that no index answers, in turn over one connection."""
    return search(port, [ldap_search(BASE, query, limit=LDAP_LIMIT) for query in UNINDEXED], 1, seconds)


def search(port: int, searches: Sequence[bytes], connections: int, seconds: float) -> Searched:
    return uvloop.run(_search(port, searches, connections, seconds))


async def _search(port: int, searches: Sequence[bytes], connections: int, seconds: float) -> Searched:
    pool, turns, found = Pool(LdapWire, port, connections), cycle(searches), Searched()
    began = time.perf_counter()

    async def client() -> None:
        while (asked := time.perf_counter()) < began + seconds:
            code, _ = await pool.ask(next(turns))
            found.latencies.append(time.perf_counter() - asked)
            found.codes[code] += 1

    await asyncio.gather(*(client() for _ in range(connections)))
    found.seconds = time.perf_counter() - began
    pool.close()
    return found


def _typed(person: Person, letters: int | None) -> str:
    return escape(person[2][:letters].lower())

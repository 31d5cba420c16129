"""Who walks through the names of the directory, and who only looks up the people it writes to.

`ask` sends GET and gives (status, JSON body); how it does so is the caller's affair: in process, or over the wire.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

Ask = Callable[[str], tuple[int, dict[str, Any]]]

# An honest mail client: 20 look-ups a user and day, and twice as many on a bad day.
LOOK_UPS, PEAK = 20, 2


@dataclass
class Harvest:
    """What an enumerator has got: persons by national id, addresses, requests sent and refused."""

    persons: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    requests: int = 0
    refused: int = 0

    def take(self, status: int, items: Sequence[dict[str, Any]]) -> bool:
        """Keep what an answer shows. Returns whether anybody in it is new."""
        known = len(self.persons)
        self.requests += 1
        self.refused += status != 200
        self.persons.update(item["national_id"] for item in items)
        self.addresses.update(mailbox["address"] for item in items for mailbox in item["mailboxes"])
        return len(self.persons) > known


def walk_rest(ask: Ask, prefixes: Iterable[str], *, patience: int, filters: str = "&has_mailbox=true") -> Harvest:
    """Everybody whose family name begins with one of these prefixes and who passes the filters, by pages of 200.

    It gives up after `patience` refusals without anybody new: a hardened enumerator does not stop at the first.
    """
    harvest, refusals = Harvest(), 0
    for prefix in prefixes:
        cursor: str | None = ""
        while cursor is not None:
            status, page = ask(f"/v1/practitioners?family={prefix}&limit=200{filters}{cursor}")
            is_new = harvest.take(status, page.get("items", []))
            refusals = 0 if is_new else refusals + (status == 429)
            if refusals >= patience:
                return harvest
            cursor = f"&cursor={page['next']}" if page.get("next") else None
    return harvest


class Correspondent(NamedTuple):
    """Somebody to write to."""

    address: str
    rpps: str
    name: str


@dataclass
class Honest:
    """What a user has got in a day."""

    answered: int = 0
    refused: int = 0


def a_day(ask: Ask, book: Sequence[Correspondent], chance: random.Random, look_ups: int = LOOK_UPS * PEAK) -> Honest:
    """One user's worst day: nobody is looked up twice. Half by address, a quarter by RPPS, a quarter by name."""
    day = Honest()
    for someone in chance.sample(book, look_ups):
        path = chance.choice(
            [
                f"/v1/mailboxes/{quote(someone.address)}",
                f"/v1/mailboxes/{quote(someone.address)}",
                f"/v1/practitioners/{someone.rpps}",
                f"/v1/practitioners?name={quote(someone.name)}&limit=10",
            ]
        )
        status, _ = ask(path)
        day.answered += status == 200
        day.refused += status == 429
    return day

"""Who was shown whom today: counted in the database, remembered here for those who come again.

Caller and person are written as HMACs under a key of the installation: the table holds no trace of who looked for whom
that anybody could read. What this process has seen charged it remembers until the day ends, so that looking the same
correspondent up again costs no statement. The database is exact for all processes together, and its clock says when the
day ends.
"""

import hmac
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import psycopg
from psycopg_pool import AsyncConnectionPool
from pydantic import SecretStr

Pool = AsyncConnectionPool[psycopg.AsyncConnection[Any]]

# Pairs of caller and person that one process remembers, 300 bytes each; of the oldest the database is asked again.
MOST_REMEMBERED = 50_000
DIGEST_BYTES = 16

DISCLOSE = "SELECT today, seen, granted, ends FROM disclose(%(caller)s, %(persons)s, %(budget)s, %(whole)s)"
STANDING = """
SELECT coalesce((SELECT d.seen FROM disclosure_day d WHERE d.day = n.today AND d.caller = %(caller)s), 0),
  ceil(extract(epoch FROM (n.today + 1)::timestamp AT TIME ZONE 'Europe/Paris' - now()))::integer
FROM (SELECT (now() AT TIME ZONE 'Europe/Paris')::date AS today) n
"""


class Account(NamedTuple):
    """A bound caller, and how many persons it may see in a day."""

    caller: str
    budget: int


class Standing(NamedTuple):
    """How many persons a caller has seen today, and the seconds until the day ends."""

    seen: int
    ends: int


class Charged(NamedTuple):
    """Who of those asked for may be shown."""

    granted: AbstractSet[str]
    standing: Standing


class _Disclosed(NamedTuple):
    """What `disclose` answers: the day, persons seen in it, how many of those asked may be shown, seconds left."""

    today: date
    seen: int
    granted: int
    ends: int


@dataclass(slots=True)
class _Day:
    """What is remembered of one day. `until` is an instant of the process's own clock, which never jumps."""

    date: date
    until: float
    pairs: dict[tuple[str, str], None] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)


class Ledger:
    """Charges callers for the persons they are shown."""

    def __init__(self, pool: Pool, pepper: SecretStr, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._key = hmac.digest(pepper.get_secret_value().encode(), b"annuaire disclosure", "sha256")
        self._clock = clock
        self._day = _Day(date.min, 0.0)

    async def charge(self, account: Account, persons: Sequence[str], *, whole: bool) -> Charged:
        """Charge for those whom the caller has not seen today, in the order given, as far as its budget goes.

        With `whole`, nobody new is granted unless all are.
        """
        caller, now = account.caller, self._clock()
        day = self._today(now)
        known = {person for person in persons if (caller, person) in day.pairs}
        if caller in day.seen and known.issuperset(persons):
            return Charged(known, Standing(day.seen[caller], int(day.until - now)))
        fresh = list(dict.fromkeys(person for person in persons if person not in known))
        parameters = {
            "caller": self._named(caller),
            "persons": [self._digest(caller, person) for person in fresh],
            "budget": account.budget,
            "whole": whole,
        }
        async with self._pool.connection() as connection:
            row = await (await connection.execute(DISCLOSE, parameters)).fetchone()
        today, seen, granted, ends = _Disclosed(*(row or ()))
        # A second early rather than late: then the database is asked, which knows.
        self._remember(caller, fresh[:granted], _Day(today, now + ends - 1), seen)
        return Charged(known.union(fresh[:granted]), Standing(seen, ends))

    def remembered(self, caller: str) -> Standing | None:
        """The standing of a caller as far as this process knows it; another may have shown more since."""
        now = self._clock()
        day = self._today(now)
        seen = day.seen.get(caller)
        return None if seen is None else Standing(seen, int(day.until - now))

    async def standing(self, caller: str) -> Standing:
        """The standing of a caller, asked of the database."""
        async with self._pool.connection() as connection:
            row = await (await connection.execute(STANDING, {"caller": self._named(caller)})).fetchone()
        return Standing(*(row or ()))

    def _today(self, now: float) -> _Day:
        if now >= self._day.until:
            self._day = _Day(self._day.date, float("inf"))
        return self._day

    def _remember(self, caller: str, persons: Sequence[str], found: _Day, seen: int) -> None:
        """Keep what the database said of the day `found`, unless a later day has begun meanwhile."""
        if found.date > self._day.date:
            self._day = found
        if found.date < self._day.date:
            return
        day = self._day
        day.until = min(day.until, found.until)
        day.seen[caller] = max(day.seen.get(caller, 0), seen)
        day.pairs.update(dict.fromkeys((caller, person) for person in persons))
        for remembered in (day.pairs, day.seen):
            while len(remembered) > MOST_REMEMBERED:
                del remembered[next(iter(remembered))]  # type: ignore[arg-type]  # each by a key of its own

    def _named(self, caller: str) -> str:
        return caller if caller.startswith("key:") else self._digest(caller, "").hex()

    def _digest(self, caller: str, person: str) -> bytes:
        return hmac.digest(self._key, f"{caller}\0{person}".encode(), "sha256")[:DIGEST_BYTES]

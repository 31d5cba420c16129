"""`make bench-ldap`: LDAP at national size: searches alone and while it follows changes, writes, bursts, lag.

On a directory of a million mailboxes with PostgreSQL's durability on; the searches, the writes and the worker share the
machine with slapd.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ldap3
import psycopg

from app.ldap.documents import current
from app.ldap.tree import escape
from tests.bench import following, ldap, searching
from tests.bench.filled import Filled, filled, say
from tests.bench.load import working
from tests.bench.searching import Searched
from tests.bench.table import Line, told
from tests.bench.traffic import PERSONS, SEARCHES
from tests.bench.wires import SIZE_LIMIT_EXCEEDED
from tests.ldap.test_clients import BASE

MAILBOXES = 1_000_000
# Limits of issue and of the reference of LDAP: seconds and milliseconds.
BURST_SECONDS, LAG_MEDIAN_MS, LAG_MOST_MS, REFUSED_MS = 15.0, 50.0, 500.0, 50.0
LOAD_RATIO = 0.85
# Entries of an anonymous answer (deploy/slapd).
SIZE_LIMIT = 50
CUT = 100


@dataclass(frozen=True)
class Size:
    """Seconds of each search and of the lag, writes a second, mailboxes of a burst and of the rates."""

    seconds: float = 3.0
    lag_seconds: float = 60.0
    a_second: float = 50.0
    burst: int = 10_000
    rates: int = 4_000


def run(mailboxes: int, size: Size, keep: Path | None = None, *, load: bool = False) -> list[Line]:
    """Fill a directory of so many mailboxes, or take the one kept in `keep`, and measure."""
    with filled(mailboxes, keep) as directory:
        with psycopg.connect(directory.settings.database_url, autocommit=True) as connection:
            connection.execute("ANALYZE")
            lines = [*_measured(directory, connection, size)]
        if load:
            say("loading")
            directory.slapd.stop()
            first, text = ldap.measure(directory.settings, directory.slapd, keep or Path("/tmp"))  # noqa: S108
            lines += [
                Line(
                    first.what,
                    first.value,
                    first.unit,
                    first.limit,
                    first.limit_value,
                    least=(first.limit_value or 0) * LOAD_RATIO,
                ),
                text,
            ]
    return lines


def _measured(directory: Filled, connection: following.Connection, size: Size) -> Iterator[Line]:
    settings, port = directory.settings, directory.slapd.port
    addresses = following.drawn(connection, size.burst)
    persons = connection.execute(PERSONS, [SEARCHES]).fetchall()
    with working(directory.environment):
        say("the worker catches up")
        following.burst(connection, settings, following.DESCRIBE, addresses[:1], "FIRST")
    say("searches, slapd alone")
    alone = searching.all_kinds(port, persons, size.seconds)
    yield from _refusals(directory, persons, size)
    say("writes")
    documents = [following.renamed(each) for each in current(connection, addresses[: size.rates]).values() if each]
    for what, (rate, raw) in following.rates(settings, documents, settings.ldap_batch).items():
        yield Line(f"exporter, {what}", rate, "entries/s", "protocol alone", raw)
    with working(directory.environment):
        say("bursts")
        for what, change, value in (
            ("modified", following.DESCRIBE, "BURST"),
            ("hidden", following.HIDE, True),
            ("shown again", following.HIDE, False),
            ("modified back", following.DESCRIBE, None),
        ):
            seconds = following.burst(connection, settings, change, addresses, value)
            yield Line(f"{len(addresses):,} mailboxes {what}, visible", seconds, "s", most=BURST_SECONDS)
        say("lag")
        lags = following.lags(settings, addresses, size.a_second, size.lag_seconds)
        yield Line(
            f"commit to visible, {size.a_second:g} writes/s, median",
            lags[len(lags) // 2] * 1e3,
            "ms",
            most=LAG_MEDIAN_MS,
        )
        yield Line("  99th percentile", lags[int(len(lags) * 0.99)] * 1e3, "ms", most=LAG_MOST_MS)
        yield Line("  the most", lags[-1] * 1e3, "ms")
        say("searches, while LDAP follows changes")
        with following.changing(settings, addresses, size.a_second):
            beside = searching.all_kinds(port, persons, size.seconds)
    for (name, connections), found in alone.items():
        yield from _lines(f"{name}, {connections} conn.", found, beside[name, connections])


def _refusals(directory: Filled, persons: Sequence[searching.Person], size: Size) -> Iterator[Line]:
    say("what is refused")
    found = searching.unindexed(directory.slapd.port, size.seconds)
    yield Line("unindexed filters, 99th percentile", found.percentile(0.99), "ms", most=REFUSED_MS)
    yield Line("  refused", found.refused, "%", least=100)
    yield Line("lists of as many as the size limit that say they are cut", _said(directory, persons), "%", least=100)


def _said(directory: Filled, persons: Sequence[searching.Person]) -> float:
    """Share in per cent, of those of the first letters of some names."""
    reader: Any = ldap3.Connection(ldap3.Server(directory.slapd.uri, get_info=ldap3.NONE), auto_bind=True)
    asked = said = 0
    for _, _, family in persons[:CUT]:
        reader.search(BASE, f"(sn={escape(family[:3].lower())}*)", attributes=["mail"])
        if len(reader.response) >= SIZE_LIMIT:
            asked += 1
            said += reader.result["result"] == SIZE_LIMIT_EXCEEDED
    reader.unbind()
    return said / asked * 100 if asked else 100.0


def _lines(what: str, alone: Searched, beside: Searched) -> Iterator[Line]:
    yield Line(what, beside.rate, "/s", "slapd alone", alone.rate)
    yield Line("  median", beside.percentile(0.5), "ms", "slapd alone", alone.percentile(0.5))
    yield Line("  99th percentile", beside.percentile(0.99), "ms", "slapd alone", alone.percentile(0.99))
    if alone.refused or beside.refused:
        yield Line("  refused by result 11", beside.refused, "%", "slapd alone", alone.refused)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ldap_national", description=__doc__)
    parser.add_argument("--mailboxes", type=int, default=MAILBOXES)
    parser.add_argument("--seconds", type=float, default=Size.seconds, help="of each kind of search")
    parser.add_argument("--load", action="store_true", help="also a first load, beside slapadd alone (half an hour)")
    parser.add_argument("--keep", type=Path, help="fill the directory in this folder, or take the one that is there")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    return told(run(given.mailboxes, Size(given.seconds), given.keep, load=given.load), given.out)


if __name__ == "__main__":
    sys.exit(main())

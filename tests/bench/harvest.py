"""`python -m tests.bench.harvest`: what an enumerator gets, on REST and on LDAP, and that honest users never notice.

The API runs with its default settings as a process of its own, slapd with the configuration that is delivered, both on
a generated directory. Exit code 1 when an enumerator got 1 % of it over REST, or an honest user was refused once.
"""

import argparse
import http.client
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from app.access.keys import issue
from app.db import upgrade
from app.embedded import Postgres, Slapd, free_port
from app.ldap.rebuild import load_into
from app.sandbox.generate import generate
from app.settings import Settings
from tests.bench.http import serving
from tests.bench.importing import run_import
from tests.bench.table import Line, told
from tests.harness import ldap_front
from tests.harness.directory import directory
from tests.harness.harvest import LOOK_UPS, PEAK, Ask, Correspondent, Honest, a_day, walk_rest
from tests.harness.harvest_ldap import an_ldap_day, walk_ldap

PATIENCE = 500
SHARE = 0.01
# Users behind one address, and persons that a day of one of them shows at most: what a key of theirs is issued for.
USERS, PERSONS_A_USER = 200, 100

ENUMERATOR, USER = "127.0.0.2", "127.0.0.3"
# We are the proxy that says from which address a request comes.
PROXY = {"ANNUAIRE_TRUSTED_PROXIES": "127.0.0.1/32"}


@dataclass(frozen=True)
class Size:
    """How large the directory is."""

    persons: int
    mailboxes: int


class Client:
    """One kept connection to the API. `ask` waits for nothing: a refusal is an answer."""

    def __init__(self, port: int, headers: Mapping[str, str] | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = dict(headers or {})

    def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        try:
            return self._sent(path)
        except ConnectionError:  # the server closes what was idle for a few seconds
            self._connection.close()
            return self._sent(path)

    def _sent(self, path: str) -> tuple[int, dict[str, Any]]:
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def size(connection: psycopg.Connection[Any]) -> Size:
    counts = dict(connection.execute("SELECT kind, count(*) FROM publication GROUP BY kind").fetchall())
    return Size(counts["practitioner"], counts["mailbox"])


def book(connection: psycopg.Connection[Any]) -> list[Correspondent]:
    """People with a mailbox, to write to."""
    rows = connection.execute(
        "SELECT d->'mailboxes'->0->>'address', d->>'rpps', concat_ws(' ', d->>'family', d->>'given')"
        " FROM (SELECT document::json AS d FROM publication WHERE kind = 'practitioner') p"
        " WHERE d->>'rpps' IS NOT NULL AND json_array_length(d->'mailboxes') > 0 ORDER BY random() LIMIT 5000"
    )
    return [Correspondent(*row) for row in rows]


def key(connection: psycopg.Connection[Any], settings: Settings, budget: int | None) -> dict[str, str]:
    _, text = issue(connection, settings.key_pepper, "harvest", ["read"], None, budget=budget)
    connection.commit()
    return {"Authorization": f"Bearer {text}"}


def beginnings(connection: psycopg.Connection[Any]) -> list[str]:
    """The first three letters of every family name: an enumerator that knows them loses no request on others."""
    rows = connection.execute(
        "SELECT DISTINCT left(family_key, 3) FROM practitioner_search WHERE family_key ~ '^[a-z]{3}' ORDER BY 1"
    )
    return [beginning for (beginning,) in rows]


def enumerated(ask: Ask, known: Ask, prefixes: list[str], of: Size) -> list[Line]:
    """The walk through the names without a key, and what the same walk finds where nothing stops it."""
    bound = walk_rest(ask, prefixes, patience=PATIENCE)
    free = walk_rest(known, prefixes, patience=PATIENCE, filters="")
    return [
        Line("REST: persons seen by an enumerator", len(bound.persons), "persons", "same, unbound", len(free.persons)),
        Line("  share of the persons", 100 * len(bound.persons) / of.persons, "%", most=100 * SHARE),
        Line("  their addresses, share of all", 100 * len(bound.addresses) / of.mailboxes, "%"),
        Line("  requests it sent", bound.requests, "requests", "same, unbound", free.requests),
    ]


def at(address: str) -> dict[str, str]:
    """The header by which the proxy says who asks."""
    return {"X-Forwarded-For": address}


def honest(port: int, connection: psycopg.Connection[Any], settings: Settings) -> list[Line]:
    """Users each at an address of their own, and many behind one with a key: none is ever refused.

    Nobody else has asked yet that day: the persons counted so far are those whom single users saw.
    """
    people, chance = book(connection), random.Random(1)  # noqa: S311 - a simulation
    alone = [a_day(Client(port, at(f"198.51.100.{user}")).ask, people, chance) for user in range(USERS)]
    mean, most = connection.execute("SELECT avg(seen), max(seen) FROM disclosure_day").fetchone() or (0, 0)
    shared = Client(port, key(connection, settings, USERS * PERSONS_A_USER))
    together = [a_day(shared.ask, people, chance) for _ in range(USERS)]
    crowd = Client(port, at("203.0.113.1"))
    room = next(users for users in range(USERS) if a_day(crowd.ask, people, chance).refused)
    return [
        Line(f"honest: {LOOK_UPS * PEAK} look-ups each by {USERS} users", total(alone), "refused", most=0),
        Line("  persons a user and day, mean", float(mean), "persons"),
        Line("  the most", most, "persons", "budget of an address", settings.anonymous_budget),
        Line(
            f"honest: {USERS} users with one key, {USERS * PERSONS_A_USER} persons", total(together), "refused", most=0
        ),
        Line("  users that fit behind one address without a key", room, "users"),
    ]


def total(days: list[Honest]) -> int:
    """Refusals of all these days. Raises when a look-up failed for another reason."""
    if sum(day.answered + day.refused for day in days) != len(days) * LOOK_UPS * PEAK:
        raise RuntimeError("a look-up was neither answered nor refused")
    return sum(day.refused for day in days)


def over_ldap(slapd: Slapd, settings: Settings, of: Size, people: list[Correspondent], *, front: bool) -> list[Line]:
    """The walk over one anonymous connection to slapd: with nothing in front of it, and behind the front."""
    load_into(slapd, settings)
    slapd.start()
    try:
        started = time.monotonic()
        walked = walk_ldap(slapd.uri, slapd.suffix)
        seconds = time.monotonic() - started
        lines = [
            Line(
                "LDAP: addresses seen by an enumerator", len(walked.addresses), "addresses", "published", of.mailboxes
            ),
            Line("  searches", walked.searches, "searches"),
            Line("  new addresses a search", len(walked.addresses) / walked.searches, "addresses", "size limit", 50),
            Line("  seconds, one connection", seconds, "s"),
        ]
        return lines + (behind_front(slapd, of, people) if front else [])
    finally:
        slapd.stop()


def behind_front(slapd: Slapd, of: Size, people: list[Correspondent]) -> list[Line]:
    """What one address gets in a day behind deploy/ldap/front.nft, and that an honest user's day is not cut."""
    ldap_front.put_up(slapd.port)
    walked = walk_ldap(slapd.uri, slapd.suffix, ENUMERATOR)
    found = an_ldap_day(slapd.uri, slapd.suffix, people[: LOOK_UPS * PEAK], USER)
    sent = ldap_front.sent()
    return [
        Line(
            "LDAP behind the front: addresses in a day", len(walked.addresses), "addresses", "published", of.mailboxes
        ),
        Line("  share of all", 100 * len(walked.addresses) / of.mailboxes, "%"),
        Line("  bytes an address, searches in vain included", sent[ENUMERATOR] / len(walked.addresses), "bytes"),
        Line("  bytes an entry, repeated ones included", sent[ENUMERATOR] / walked.entries, "bytes"),
        Line(f"  honest: {LOOK_UPS * PEAK} look-ups by name", LOOK_UPS * PEAK - found, "refused", most=0),
        Line("  bytes of that day", sent[USER], "bytes", "a day's", ldap_front.DAY_BYTES),
    ]


@contextmanager
def built(professionals: int, folder: Path, postgres: Postgres) -> Iterator[tuple[dict[str, str], Settings]]:
    """A directory of this size, its environment and its settings, all defaults but the database."""
    say(f"a directory of {professionals:,} professionals")
    files = [file.path for file in generate(professionals, 1, folder / "files").files]
    upgrade(postgres.dsn())
    own = {"ANNUAIRE_DATABASE_URL": postgres.dsn(), "ANNUAIRE_KEY_PEPPER": "pepper-of-the-benchmark"}
    environment = {**os.environ, **own, "ANNUAIRE_LOG_LEVEL": "warning"}
    run_import(files, environment)
    yield environment, Settings(_env_file=None, database_url=postgres.dsn(), key_pepper=own["ANNUAIRE_KEY_PEPPER"])


def run(professionals: int, *, front: bool) -> list[Line]:
    """Every figure, on engines of its own."""
    with (
        directory(on_disk=True) as folder,
        Postgres(folder) as postgres,
        built(professionals, folder, postgres) as (environment, settings),
        psycopg.connect(postgres.dsn()) as connection,
    ):
        of = size(connection)
        lines = [Line("persons", of.persons, "published"), Line("mailboxes", of.mailboxes, "published")]
        say("REST")
        with serving({**environment, **PROXY}) as (port, _):
            unnoticed = honest(port, connection, settings)
            known = Client(port, key(connection, settings, None))
            lines += enumerated(Client(port, at("203.0.113.2")).ask, known.ask, beginnings(connection), of)
            lines += unnoticed
        say("LDAP")
        lines += over_ldap(Slapd(folder, port=free_port()), settings, of, book(connection), front=front)
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.harvest", description=__doc__)
    parser.add_argument("--professionals", type=int, default=20_000)
    parser.add_argument("--isolated", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.isolated:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    elif ldap_front.can_isolate():
        return subprocess.run(
            ["unshare", "-n", sys.executable, "-m", "tests.bench.harvest", "--isolated", *sys.argv[1:]], check=False
        ).returncode
    else:
        say("no root or no nftables: the front of LDAP is not tried")
    return told(run(given.professionals, front=given.isolated))


if __name__ == "__main__":
    sys.exit(main())

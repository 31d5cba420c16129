"""Clocks that jump (F14): API and worker under libfaketime, PostgreSQL on time. What counts is its time, or none.

Their clock goes an hour forth and back, a day back, to a 29 February, and over both changes of summer time while they
run. Order, cursors, keys, budgets and rates must not notice.
"""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import libfaketime
import psycopg
import pytest
from pydantic import SecretStr

from app.access.keys import issue
from app.settings import Settings
from tests.builders import DOMAIN, OPERATOR, RPPS, a_mailbox, a_practitioner, an_operator, publish
from tests.faults.api import PEPPER, api
from tests.faults.commands import PATIENCE, started, words
from tests.faults.report import Tell, Tried
from tests.faults.world import broken_in
from tests.harness.database import Database

LIBRARY = Path(libfaketime.__file__).parent / "vendor/libfaketime/src/libfaketime.so.1"
JUMPS = {
    "an hour ahead": "+1h",
    "a day behind": "-1d",
    "an hour behind": "-1h",
    "29 February": "@2028-02-29 23:59:59",
    "summer time begins": "@2027-03-28 01:59:59",
    "summer time ends": "@2027-10-31 02:59:59",
    "the epoch": "@1970-01-02 00:00:00",
}
SHORT = ("a day behind",)
BUDGET, A_MINUTE = 2, 30
PERSONS = (RPPS, "99900000078", "99900000086", "99900000094", "99900000102")
# A key whose time is up, and one that has a minute less than an hour.
EXPIRES = "UPDATE api_key SET expires_at = now() + %s::interval WHERE id = %s"
NEGATIVE = re.compile(r'"ms": -|^annuaire_\w*(?:seconds|lag)\w*(?:{[^}]*})? -', re.MULTILINE)
Connection = psycopg.Connection[Any]


class Clock:
    """The clock of the processes that are started meanwhile."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._file = folder / "clock"
        self.set("+0")
        patch.setenv("LD_PRELOAD", str(LIBRARY))
        patch.setenv("FAKETIME_TIMESTAMP_FILE", str(self._file))
        patch.setenv("FAKETIME_NO_CACHE", "1")
        # As in life: the clock that tells the time is set, the one that measures it goes on.
        patch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        patch.setenv("DONT_FAKE_MONOTONIC", "1")
        patch.setenv("TZ", "Europe/Paris")

    def set(self, what: str) -> None:
        # Read all the time: never half a line.
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{what}\n", "ascii")
        fresh.replace(self._file)


class Caller:
    """What callers do in each of these times."""

    def __init__(self, client: httpx2.Client, registry: Connection) -> None:
        self._client = client
        self._operator = self._key(registry, "publish", OPERATOR, "59 minutes")
        self._reader = self._key(registry, "read", None, "59 minutes")
        self._late = self._key(registry, "read", None, "-1 minute")
        self._cursor = ""
        self.acknowledged: set[str] = set()
        self.seen: list[int] = []

    @staticmethod
    def _key(registry: Connection, scope: str, operator: str | None, left: str) -> dict[str, str]:
        identifier, key = issue(registry, SecretStr(PEPPER), "a caller", [scope], operator)
        registry.execute(EXPIRES, (left, identifier))
        registry.commit()
        return {"Authorization": f"Bearer {key}"}

    def live(self, number: int) -> None:
        """A new mailbox, the same request again, a change, and the feed to its end."""
        address = f"b{number}@{DOMAIN}"
        body = {"type": "PER", "practitioner": RPPS}
        headers = {**self._operator, "Idempotency-Key": address}
        answers = [self._client.put(f"/v1/mailboxes/{address}", json=body, headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201]
        self.acknowledged.add(address)
        tagged = {**self._operator, "If-Match": answers[0].headers["ETag"]}
        assert self._client.patch(f"/v1/mailboxes/{address}", json={"rank": 1}, headers=tagged).status_code == 200
        while True:
            page = self._client.get(f"/v1/changes?limit=3{self._cursor}", headers=self._reader).json()
            self._cursor = f"&after={page['next']}"
            self.seen += [item["sequence"] for item in page["items"]]
            if self.seen and self.seen[-1] == page["edition"]:
                return

    def knock(self) -> None:
        """A key whose time is up stays outside, however late it is in the API."""
        answer = self._client.get("/v1/changes", headers=self._late)
        assert answer.json()["code"] == "credentials.invalid"

    def spend(self) -> None:
        """No day begins, and no minute is over, because a clock was set."""
        codes = set()
        for number in range(A_MINUTE + BUDGET):
            answer = self._client.get(f"/v1/mailboxes/p{number % 4}@{DOMAIN}")
            if answer.status_code == 429:
                codes.add(answer.json()["code"])
                assert 0 < int(answer.headers["Retry-After"]) <= 86_400
        assert codes, "nobody was bound"

    def look(self) -> str:
        return self._client.get("/metrics").text


def founded(registry: Connection) -> None:
    an_operator(registry, domains=(DOMAIN,))
    persons = [a_practitioner(registry, rpps=rpps) for rpps in PERSONS]
    boxes = [
        a_mailbox(registry, f"p{number}@{DOMAIN}", practitioner=person) for number, person in enumerate(persons[1:])
    ]
    ids = [("practitioner", person) for person in persons] + [("mailbox", box) for box in boxes]
    publish(registry, *ids)


@pytest.mark.parametrize("jumps", [SHORT, pytest.param(tuple(JUMPS), marks=pytest.mark.fault)])
def test_a_clock_that_is_set_changes_no_order_and_opens_no_door(
    database: Database,
    ldap_settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tell: Tell,
    jumps: tuple[str, ...],
) -> None:
    registry = database.connect()
    founded(registry)
    clock = Clock(tmp_path, monkeypatch)
    to_ldap = {"ldap_enabled": "true", "ldap_uri": ldap_settings.ldap_uri, "snapshot_hours": "0"}
    bound = {"anonymous_budget": str(BUDGET), "anonymous_rate": str(A_MINUTE), "log_level": "info"}
    with (
        started(database, tmp_path, "worker", key_pepper=PEPPER, **to_ldap) as worker,
        api(database, tmp_path, None, **bound) as (_, port),
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        caller = Caller(client, registry)
        caller.live(0)
        for number, name in enumerate(jumps, 1):
            clock.set(JUMPS[name])
            caller.live(number)
            caller.knock()
            caller.spend()
            a_mark_is_published(registry, number)
            assert not NEGATIVE.findall(caller.look())
        until(lambda: followed(registry), worker.poll)
    broken = broken_in(ldap_settings, words(tmp_path))
    assert not NEGATIVE.findall(words(tmp_path))
    assert caller.seen == list(range(1, len(caller.seen) + 1))
    rows = {address for (address,) in registry.execute("SELECT address FROM mailbox WHERE source = 'api'")}
    tell(Tried("F14", ", ".join(jumps), len(caller.acknowledged), len(caller.acknowledged - rows), len(broken)))
    assert (rows, broken) == (caller.acknowledged, [])


def a_mark_is_published(registry: Connection, number: int) -> None:
    """The worker drains what was marked, whatever time it believes it is."""
    registry.execute("UPDATE mailbox SET service = %s WHERE address = %s", (f"s{number}", f"p0@{DOMAIN}"))
    registry.execute("INSERT INTO pending (kind, key) VALUES ('mailbox', %s)", (f"p0@{DOMAIN}",))
    registry.commit()

    def is_published() -> bool:
        row = registry.execute("SELECT document FROM publication WHERE key = %s", (f"p0@{DOMAIN}",)).fetchone()
        registry.rollback()
        return row is not None and json.loads(row[0])["service"] == f"s{number}"

    until(is_published)


def followed(registry: Connection) -> bool:
    """Whether the worker saw the tree at the edition of the directory."""
    row = registry.execute("SELECT s.edition = d.edition FROM ldap_seen s, directory d").fetchone()
    registry.rollback()
    return row == (True,)


def until(condition: Callable[[], bool], ended: Callable[[], object] = lambda: None) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        assert ended() is None
        time.sleep(0.05)

"""Imports, operators' writes and white lists at once (F22): nothing stays published in a domain that was lost."""

import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import pytest

from app.embedded import Postgres, Slapd
from app.ldap.sync import sync_once
from app.settings import Settings
from tests.faults.report import Tell, Tried
from tests.faults.world import broken_in
from tests.model.runs import Line
from tests.model.system import (
    ADDRESSES,
    ALPHA,
    DOMAINS,
    OPERATORS,
    PAIRS,
    PEOPLE,
    System,
    extraction_file,
    installed,
    list_file,
    made_base,
)

UNAVAILABLE = 503
# What the list says in turn: ALPHA has lost its own domain, or has it; in the end it has lost it.
LISTS = (PAIRS, tuple(pair for pair in PAIRS if pair != (DOMAINS[0], ALPHA)))


class Race:
    """Operators that write in every domain, until they are told to stop."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._stop = threading.Event()
        self.acknowledged: set[str] = set()
        self.refused = 0
        self.strange: list[str] = []

    def write(self, operator: str) -> None:
        transport = httpx2.HTTPTransport(uds=str(self._system.socket))
        with httpx2.Client(transport=transport, base_url="http://annuaire", timeout=60) as client:
            for number in count():
                if self._stop.is_set():
                    return
                address = f"r{number}.{operator}@{DOMAINS[number % len(DOMAINS)]}"
                body = {"type": "PER", "practitioner": PEOPLE[number % len(PEOPLE)]}
                answer = client.put(f"/v1/mailboxes/{address}", json=body, headers=self._system.headers(operator))
                self._note(address, answer)

    def _note(self, address: str, answer: httpx2.Response) -> None:
        if answer.status_code == 201:
            self.acknowledged.add(address)
        elif answer.status_code in {403, UNAVAILABLE}:
            self.refused += 1
        else:
            self.strange.append(answer.text)

    def beside(self, work: Callable[[], None]) -> None:
        """Do this while they write."""
        threads = [threading.Thread(target=self.write, args=(operator,)) for operator in OPERATORS]
        for thread in threads:
            thread.start()
        try:
            work()
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()


def _import(system: System, folder: Path, rounds: int) -> None:
    """Both files again and again, each from a thread of its own; the last list takes the domain away."""

    def extractions() -> None:
        for number in range(rounds):
            lines = {address: Line("PER", PEOPLE[1], f"TOUR {number}") for address in ADDRESSES}
            system.imported(extraction_file(folder, lines))

    def lists() -> None:
        for number in range(2 * rounds):
            system.imported(list_file(folder, LISTS[number % 2]))

    threads = [threading.Thread(target=extractions), threading.Thread(target=lists)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("rounds", [1, pytest.param(8, marks=pytest.mark.fault)])
def test_whoever_wins_nothing_is_published_in_a_domain_that_was_taken_away(
    migrated: Postgres, slapd: Slapd, tmp_path: Path, open_dir: Path, tell: Tell, rounds: int
) -> None:
    settings = Settings(
        _env_file=None, key_pepper="pepper-of-the-tests", publish_with_key=True, database_pool=3, log_level="error",
        key_rate=0, consultation_days=0, ldap_uri=slapd.ldapi_uri,
    )  # fmt: skip
    base = made_base(migrated, slapd, settings, tmp_path)
    with TemporaryDirectory(dir=open_dir) as folder, installed(base, Path(folder)) as system:
        race = Race(system)
        race.beside(lambda: _import(system, tmp_path, rounds))
        assert race.strange == []
        late = system.operator(ALPHA).put(f"late@{DOMAINS[0]}", {"type": "PER", "practitioner": PEOPLE[1]})
        assert late.json()["code"] == "domain.not_yours"
        rows = system.connection.execute("SELECT address FROM mailbox WHERE source = 'api'").fetchall()
        lost = race.acknowledged - {address for (address,) in rows}
        shown = system.connection.execute("SELECT count(*) FROM publication WHERE key LIKE %s", [f"%@{DOMAINS[0]}"])
        assert shown.fetchone() == (0,)
        sync_once(system.settings)
        broken = broken_in(system.settings)
    tries = len(race.acknowledged) + race.refused
    tell(Tried("F22", "imports, writes and white lists at once", tries, len(lost), len(broken)))
    assert (lost, broken) == (set(), [])
    assert race.acknowledged

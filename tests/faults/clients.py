"""Programs of an operator that write over REST whatever happens, and note each write in a history.

A write has a name, which is its Idempotency-Key and the id of its request: sent again until it is answered, it must
have one effect, and the trail tells in which order the writes of a mailbox took theirs.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import httpx2
import psycopg

from tests.builders import FINESS
from tests.faults.gate import until
from tests.faults.history import History, contradicted, lost
from tests.harness.threads import at_work

Connection = psycopg.Connection[Any]
DONE = frozenset({200, 201, 204})
# Answers after which the same write is sent again: in flight already, or a server that is in trouble and says so.
AGAIN = frozenset({409, 503})
# One in so many writes is sent again after its answer, which must come again to the letter.
ONE_IN = 5
PAUSE, PATIENCE = 0.02, 60.0
TRACES = "SELECT object_key, request_id FROM audit WHERE object_kind = 'mailbox' ORDER BY sequence"
HELD = "SELECT address, description FROM mailbox WHERE source = 'api'"


class Clients:
    """`count` programs that share the mailboxes `addresses`, and call the API at `url` with these headers."""

    def __init__(
        self, url: str, headers: Mapping[str, str], addresses: Sequence[str], history: History, *, count: int, seed: int
    ) -> None:
        self.history = history
        self.statuses: Counter[int] = Counter()
        # What should never have come: an answer that was another one the second time, an unexpected status.
        self.wrong: list[str] = []
        # When each program was last told that its write is done.
        self.acknowledged: dict[int, float] = {}
        self._url, self._headers, self._addresses = url, headers, addresses
        self.count, self._seed = count, seed
        self._stop = threading.Event()

    def at_work(self) -> AbstractContextManager[None]:
        """They write until this ends; each ends its last write first, if the API answers within PATIENCE."""
        return at_work(self._run, self.count, self._stop)

    def wait_for_all(self, since: float) -> float:
        """Until each of them was told since then that a write is done. Returns the seconds that it took."""
        until(lambda: all(self.acknowledged.get(each, 0) > since for each in range(self.count)), "all write again")
        return max(self.acknowledged.values()) - since

    def wait_for(self, more: int) -> None:
        """Until so many more answers came, whatever they say."""
        before = self.statuses.total()
        until(lambda: self.statuses.total() >= before + more, f"{more} more answers came")

    def lost(self, connection: Connection) -> list[str]:
        """What was acknowledged and is not there, or not in the order in which it was."""
        writes = self.history.writes()
        traces: dict[str, list[str]] = {address: [] for address in self._addresses}
        for address, name in connection.execute(TRACES):
            traces[address].append(name)
        held = dict(connection.execute(HELD).fetchall())
        return lost(writes, held) + contradicted(writes, traces)

    def _run(self, number: int) -> None:
        chance = random.Random(f"{self._seed} {number}")  # noqa: S311 - a test
        with httpx2.Client(base_url=self._url, headers=dict(self._headers), timeout=PATIENCE) as client:
            for turn in range(1_000_000):
                if self._stop.is_set():
                    return
                self._write(client, number, f"c{number}-{turn}", chance)

    def _write(self, client: httpx2.Client, number: int, name: str, chance: random.Random) -> None:
        address = chance.choice(self._addresses)
        self.history.invoked(name, address, name)
        answer = self._until_answered(lambda: self._sent(client, name, address))
        if answer is None:
            self.history.ended(name, "unknown")
            return
        is_done = answer.status_code in DONE
        self.history.ended(name, "ok" if is_done else "failed")
        if not is_done:
            self.wrong.append(f"{name}: {answer.status_code} {answer.text}")
            return
        self.acknowledged[number] = time.monotonic()
        if chance.randrange(ONE_IN) == 0:
            again = self._until_answered(lambda: self._sent(client, name, address))
            if again is not None and (again.status_code, again.content) != (answer.status_code, answer.content):
                self.wrong.append(f"{name} again: {again.status_code} {again.text}")

    def _until_answered(self, send: Callable[[], httpx2.Response]) -> httpx2.Response | None:
        """The answer that decides a write; None when none came within PATIENCE of the end."""
        deadline: float | None = None
        while deadline is None or time.monotonic() < deadline:
            try:
                answer = send()
            except httpx2.TransportError:
                self.statuses[0] += 1
            else:
                self.statuses[answer.status_code] += 1
                if answer.status_code not in AGAIN:
                    return answer
                if answer.status_code == 503 and not int(answer.headers.get("Retry-After", "0")):
                    self.wrong.append(f"503 without Retry-After: {answer.text}")
            if self._stop.is_set() and deadline is None:
                deadline = time.monotonic() + PATIENCE
            time.sleep(PAUSE)
        return None

    def _sent(self, client: httpx2.Client, name: str, address: str) -> httpx2.Response:
        named = {"Idempotency-Key": name, "X-Request-ID": name, "If-Match": "*"}
        return client.patch(f"/v1/mailboxes/{address}", json={"description": name}, headers=named)


def made(client: httpx2.Client, headers: Mapping[str, str], addresses: Sequence[str], history: History) -> None:
    """Publish these mailboxes of one structure, each write of the history."""
    for number, address in enumerate(addresses):
        name = f"made-{number}"
        body = {"type": "ORG", "organization": FINESS, "description": name}
        history.invoked(name, address, name)
        named = {**headers, "Idempotency-Key": name, "X-Request-ID": name}
        answer = client.put(f"/v1/mailboxes/{address}", json=body, headers=named)
        assert answer.status_code == 201, answer.text
        history.ended(name, "ok")

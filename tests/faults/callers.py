"""Programs that read and write while something is rotated, and go wherever and carry whatever they are told of."""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager

import httpx2
import psycopg

from tests.builders import DOMAIN, RPPS
from tests.harness.threads import at_work

CALLERS = 2
# Between one change and the next; the first turn may have begun before.
TURNS = 4
PATIENCE = 120.0


class Callers:
    """Each follows the feed and publishes one mailbox a turn, and keeps every answer that was none.

    `headers`: what proves who they are; of several, each of them takes the next one with each turn.
    """

    def __init__(self, port: int, *headers: Mapping[str, str]) -> None:
        self.port, self.headers = port, headers
        self.answers: Counter[tuple[int, str]] = Counter()
        self.failed: list[str] = []
        self.acknowledged: set[str] = set()
        self._turns = [0] * CALLERS
        self._stop = threading.Event()

    def at_work(self) -> AbstractContextManager[None]:
        return at_work(self._call, CALLERS, self._stop)

    def settled(self, phase: str) -> None:
        """Until each of them has had so many turns since, and all of them were answered."""
        before, deadline = list(self._turns), time.monotonic() + PATIENCE
        while any(now < then + TURNS for now, then in zip(self._turns, before, strict=True)):
            assert self.failed == [], phase
            assert time.monotonic() < deadline, phase
            time.sleep(0.02)
        assert self.failed == [], phase

    def lost(self, connection: psycopg.Connection[tuple[str]]) -> set[str]:
        """What was acknowledged and is not there."""
        rows = connection.execute("SELECT address FROM mailbox WHERE source = 'api'")
        return self.acknowledged - {address for (address,) in rows}

    def _call(self, caller: int) -> None:
        cursor = ""
        with httpx2.Client(timeout=60) as client:
            while not self._stop.is_set():
                turn = self._turns[caller]
                url, headers = f"http://127.0.0.1:{self.port}", dict(self.headers[turn % len(self.headers)])
                address = f"c{caller}.{turn}@{DOMAIN}"
                body = {"type": "PER", "practitioner": RPPS}
                try:
                    page = client.get(f"{url}/v1/changes?limit=2{cursor}", headers=headers)
                    made = client.put(f"{url}/v1/mailboxes/{address}", json=body, headers=headers)
                except httpx2.TransportError as error:
                    self.failed.append(repr(error))
                    return
                cursor = f"&after={page.json()['next']}" if page.is_success else cursor
                if made.status_code == httpx2.codes.CREATED:
                    self.acknowledged.add(address)
                self._note(page, made)
                self._turns[caller] += 1

    def _note(self, *answers: httpx2.Response) -> None:
        for answer in answers:
            self.answers[answer.status_code, answer.request.method] += 1
            if not answer.is_success:
                self.failed.append(answer.text)

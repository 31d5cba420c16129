"""Nodes behind a balancer, and programs that use all channels at half of what they could.

The balancer is what a deployment has: it sends a request to a node that is ready, and lets a node finish what it has
before that is stopped.
"""

import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx2
import ldap3

from tests.faults.clients import PATIENCE, Clients
from tests.faults.gate import until
from tests.faults.history import History
from tests.faults.publishing import Reader

OK, WRITERS = 200, 3
# Between two looks into the tree: an answer takes a tenth of it, and who asks more than that in Python.
LDAP_PAUSE = 0.005


class Balancer(httpx2.BaseTransport):
    """Sends each request to the next node. `nodes`: url → how many requests it has."""

    def __init__(self) -> None:
        self.nodes: dict[str, int] = {}
        self._retired: set[str] = set()
        self._turn = 0
        self._lock = threading.Lock()
        self._transport = httpx2.HTTPTransport(limits=httpx2.Limits(keepalive_expiry=1.0))

    def add(self, url: str) -> None:
        """The node at this url is ready."""
        with self._lock:
            self.nodes[url] = 0

    def retire(self, url: str) -> None:
        """Nothing more is sent there, and what it has is answered."""
        with self._lock:
            self._retired.add(url)
        until(lambda: self.nodes[url] == 0, "the node has answered what it had")
        with self._lock:
            del self.nodes[url]

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, read to its end: only then the node is rid of the request."""
        with self._lock:
            ready = [url for url in self.nodes if url not in self._retired]
            url = ready[self._turn % len(ready)]
            self._turn += 1
            self.nodes[url] += 1
        try:
            request.url = request.url.copy_with(port=httpx2.URL(url).port, host="127.0.0.1")
            response = self._transport.handle_request(request)
            response.read()
            return response
        finally:
            with self._lock:
                self.nodes[url] -= 1

    def close(self) -> None:
        """Connections are shared by all clients, and closed by `end`."""

    def end(self) -> None:
        """Close all connections."""
        self._transport.close()


class Pace:
    """How long answers took, by phase; who is paced waits after each answer as long as it took: half of the load."""

    def __init__(self) -> None:
        self.phase = "before"
        self._took: dict[str, list[float]] = {}

    @contextmanager
    def answer(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        took = time.perf_counter() - began
        self._took.setdefault(self.phase, []).append(took)
        time.sleep(took)

    def p99(self, phase: str) -> float:
        """Seconds that one in a hundred answers of this phase exceeded."""
        took = sorted(self._took[phase])
        return took[int(len(took) * 0.99)]

    def count(self, phase: str) -> int:
        return len(self._took.get(phase, ()))


class PacedClients(Clients):
    """Writers behind a balancer."""

    def __init__(
        self, balancer: Balancer, pace: Pace, headers: Mapping[str, str], addresses: Sequence[str], history: History
    ) -> None:
        super().__init__("http://annuaire", headers, addresses, history, count=WRITERS, seed=16)
        self._balancer, self._pace = balancer, pace

    def _run(self, number: int) -> None:
        chance = random.Random(f"16 {number}")  # noqa: S311 - a test
        transport, headers = self._balancer, dict(self._headers)
        with httpx2.Client(transport=transport, base_url=self._url, headers=headers, timeout=PATIENCE) as client:
            for turn in range(1_000_000):
                if self._stop.is_set():
                    return
                self._write(client, number, f"c{number}-{turn}", chance)

    def _sent(self, client: httpx2.Client, name: str, address: str) -> httpx2.Response:
        with self._pace.answer():
            return super()._sent(client, name, address)


class PacedReader(Reader):
    """Looks into the tree, at the pace of a mail server rather than of a loop."""

    def _ask(self, connection: ldap3.Connection) -> None:
        began = time.perf_counter()
        super()._ask(connection)
        time.sleep(max(LDAP_PAUSE, time.perf_counter() - began))


class Looker:
    """Looks up, searches and follows the feed behind a balancer. `wrong`: every answer that was not as it must be."""

    def __init__(self, balancer: Balancer, pace: Pace, headers: Mapping[str, str], questions: Sequence[str]) -> None:
        self.wrong: list[str] = []
        self.answers = 0
        # Changes that the feed told; each is the one after the last.
        self.told = 0
        self._balancer, self._pace, self._headers, self._questions = balancer, pace, dict(headers), questions
        self._cursor = ""

    def run(self, stop: threading.Event) -> None:
        """Until it is told to stop."""
        transport, base = self._balancer, "http://annuaire"
        with httpx2.Client(transport=transport, base_url=base, headers=self._headers, timeout=PATIENCE) as client:
            while not stop.is_set():
                for question in self._questions:
                    self._ask(client, question)
                self._follow(client)

    def _ask(self, client: httpx2.Client, question: str) -> Any:
        with self._pace.answer():
            answer = client.get(question)
        self.answers += 1
        if answer.status_code != OK:
            self.wrong.append(f"{question}: {answer.status_code} {answer.text}")
            return {}
        return answer.json()

    def _follow(self, client: httpx2.Client) -> None:
        page = self._ask(client, f"/v1/changes?limit=100{self._cursor}")
        for item in page.get("items", ()):
            self.told += 1
            if item["sequence"] != self.told:
                self.wrong.append(f"the feed tells {item['sequence']} where {self.told} comes next")
        if page:
            self._cursor = f"&after={page['next']}"

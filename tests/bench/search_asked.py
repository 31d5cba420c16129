"""Questions asked one after the other, and how long each took: of the API over one kept connection, of a library."""

import http.client
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any, TypeVar
from urllib.parse import quote

from tests.bench.processor import used_by
from tests.bench.search_questions import PEOPLE
from tests.search_corpus.people import Person

T = TypeVar("T")
PAGE, RECALL_PAGE = 50, 10
MOST_ASKED = 500
# What is asked first is not counted: pages that nobody read yet come from disk.
WARM_UP = 0.1


@dataclass
class Timed:
    """Latencies in seconds, how often each answer that is no 200 came, and the server's seconds of processor."""

    latencies: list[float] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)
    processor: float = 0.0

    @property
    def processor_ms(self) -> float:
        """Of one answer."""
        return self.processor / len(self.latencies) * 1e3

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3


class Api:
    """One kept connection to the API, with a key."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._headers = {"Authorization": f"Bearer {key}"}

    def get(self, target: str) -> tuple[int, bytes]:
        """(status, body)."""
        self._connection.request("GET", target, headers=self._headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def page(self, target: str) -> Any:
        """The page. Raises RuntimeError: it is no 200."""
        status, body = self.get(target)
        if status != 200:
            raise RuntimeError(f"{target} is answered {status}: {body!r}")
        return json.loads(body)

    def named(self, text: str) -> list[Person]:
        """The first ten persons for a text in the one box; nobody where it is refused."""
        status, body = self.get(f"{PEOPLE}?name={quote(text)}&limit={RECALL_PAGE}")
        items = json.loads(body)["items"] if status == 200 else []
        return [Person(item["family"], item["given"] or "") for item in items]

    def deep_page(self, pages: int) -> str:
        """The question for the page after so many large ones of a broad search, or for its last page."""
        asked = target = f"{PEOPLE}?name=m"
        for _ in range(pages):
            following = self.page(f"{target}&limit=200")["next"]
            if following is None:
                break
            target = f"{asked}&cursor={following}"
        return target

    def close(self) -> None:
        self._connection.close()


def asked_of_api(api: Api, targets: Sequence[str], seconds: float, pids: Sequence[int]) -> Timed:
    """In turn, until the time or MOST_ASKED is over. `pids`: the processes of the server."""
    timed = Timed()
    _warm_up(api.get, targets, seconds)
    before = sum(map(used_by, pids))
    for latency, (status, _) in _answers(api.get, targets, seconds):
        timed.latencies.append(latency)
        if status != 200:
            timed.refused[status] += 1
    timed.processor = sum(map(used_by, pids)) - before
    return timed


def asked_here(search: Callable[[str, int], object], texts: Sequence[str], seconds: float) -> Timed:
    """The same of a library."""

    def ask(text: str) -> object:
        return search(text, PAGE)

    _warm_up(ask, texts, seconds)
    return Timed([latency for latency, _ in _answers(ask, texts, seconds)])


def within(things: Sequence[T], seconds: float) -> Iterator[T]:
    """As many of them as there is time for, and one at least."""
    end = time.perf_counter() + seconds
    for at, thing in enumerate(things):
        if at and time.perf_counter() > end:
            return
        yield thing


def _warm_up(ask: Callable[[str], object], questions: Sequence[str], seconds: float) -> None:
    for question in within(questions[: max(1, int(len(questions) * WARM_UP))], seconds):
        ask(question)


def _answers(ask: Callable[[str], T], questions: Sequence[str], seconds: float) -> Iterator[tuple[float, T]]:
    """(seconds it took, the answer) of each."""
    for question in within(list(islice(cycle(questions), MOST_ASKED)), seconds):
        began = time.perf_counter()
        answer = ask(question)
        yield time.perf_counter() - began, answer

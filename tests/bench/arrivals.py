"""Requests that come when they come: each at its moment of a schedule, whether or not those before it were answered.

So nothing is left out while the server is slow (coordinated omission): a latency is counted from the moment at which
the request was due, queues of our own included.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

# Whoever has no answer after so long counts as unanswered.
PATIENCE = 30.0


@dataclass
class Kind:
    """One kind of request: how many a second, and how to send one. `send` gives the answer in a word, "" for success.

    `latencies` in seconds, of every request that was due after the warm-up; `refused` counts the words of the others.
    """

    name: str
    a_second: float
    send: Callable[[], Awaitable[str]]
    latencies: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3 if ordered else float("inf")


def schedule(kinds: Iterable[Kind], seconds: float, chance: random.Random) -> list[tuple[float, Kind]]:
    """(moment, kind) of every request, in order: each kind a Poisson process of its own."""
    moments = []
    for kind in kinds:
        moment = chance.expovariate(kind.a_second)
        while moment < seconds:
            moments.append((moment, kind))
            moment += chance.expovariate(kind.a_second)
    return sorted(moments, key=lambda each: each[0])


async def play(moments: Iterable[tuple[float, Kind]], warm_up: float) -> None:
    """Send every request at its moment, and wait for the answers. Those due before `warm_up` are not counted."""
    began = time.perf_counter()
    open_requests: set[asyncio.Task[None]] = set()
    for moment, kind in moments:
        early = began + moment - time.perf_counter()
        if early > 0:
            await asyncio.sleep(early)
        request = asyncio.create_task(_one(kind, began + moment, is_counted=moment >= warm_up))
        open_requests.add(request)
        request.add_done_callback(open_requests.discard)
    while open_requests:
        await asyncio.wait(open_requests)


async def _one(kind: Kind, due: float, *, is_counted: bool) -> None:
    try:
        async with asyncio.timeout_at(asyncio.get_running_loop().time() + PATIENCE):
            word = await kind.send()
    except TimeoutError:
        word = "unanswered"
    except ConnectionError as error:
        word = type(error).__name__
    if is_counted:
        kind.latencies.append(time.perf_counter() - due)
        if word:
            kind.refused[word] += 1

"""How many batches one process takes: bodies that it holds, and batches at work.

A batch at work holds a connection, and single writes need some. A body is held for as long as its sender takes, up to
16 MiB of it on the disk: so a place is taken before the first byte is read, and no operator has more than half of them.
"""

from asyncio import Semaphore
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from app.problems import WriteBusy

MOST_AT_WORK = 2
# Bodies for each batch at work.
BODIES_EACH = 4


class BatchSlots:
    """Places of one app. `connections`: those that writes have."""

    def __init__(self, connections: int) -> None:
        self._most = max(1, min(MOST_AT_WORK, connections // 2))
        self._at_work = Semaphore(self._most)
        self._bodies: Counter[str] = Counter()

    @contextmanager
    def body(self, operator: str) -> Iterator[None]:
        """Room for one body of this operator. Raises WriteBusy, before anything of it is read."""
        most = self._most * BODIES_EACH
        if self._at_work.locked() or self._bodies.total() >= most:
            raise self._busy()
        if self._bodies[operator] >= most // 2:
            raise WriteBusy(f"{most // 2} batches of yours are on their way to this node. Nothing was changed.")
        self._bodies[operator] += 1
        try:
            yield
        finally:
            self._bodies[operator] -= 1
            if not self._bodies[operator]:
                del self._bodies[operator]

    def at_work(self) -> Semaphore:
        """The turn of a batch that has arrived. Raises WriteBusy: nobody waits with a body in hand."""
        if self._at_work.locked():
            raise self._busy()
        return self._at_work

    def _busy(self) -> WriteBusy:
        return WriteBusy(f"{self._most} batches are at work on this node, or others arrive. Nothing was changed.")

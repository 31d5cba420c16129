"""A batch in portions: each holds the publication lock about as long as the drain does, so that others get through."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from app.mailboxes.batch_body import Line
from app.mailboxes.wish import Wish

SMALLEST, LARGEST = 10, 500


@dataclass
class Size:
    """How many lines make a portion that holds the lock for about `lock_ms` milliseconds; adapted while running."""

    lock_ms: int
    lines: int = 50

    def learn(self, lines: int, started: float) -> None:
        """After a portion of so many lines, whose writing began at `started` (time.monotonic)."""
        elapsed_ms = (time.monotonic() - started) * 1_000
        if lines >= self.lines and elapsed_ms < self.lock_ms / 2:
            self.lines = min(LARGEST, self.lines * 2)
        elif elapsed_ms > self.lock_ms:
            self.lines = max(SMALLEST, int(self.lines * self.lock_ms / elapsed_ms))

    def halve(self) -> None:
        """After a portion that was cut off before its end: nobody knows how long it would have taken."""
        self.lines = max(SMALLEST, self.lines // 2)


def portions(lines: Iterable[Line], size: Size) -> Iterator[list[Line]]:
    """Consecutive lines. An address stands in a portion once: its second line is judged after its first is written."""
    portion: list[Line] = []
    addresses: set[str] = set()
    for line in lines:
        address = line.wish.address if isinstance(line.wish, Wish) else None
        if len(portion) >= size.lines or address in addresses:
            yield portion
            portion, addresses = [], set()
        portion.append(line)
        if address is not None:
            addresses.add(address)
    if portion:
        yield portion

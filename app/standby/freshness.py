"""How old an answer of a replica may be, reckoned from what the primary has said of itself lately.

    look ─► (asked at, edition) ─► … ─► the oldest look within the limit is the floor

Whatever was committed before a look was asked is in the edition that it brought. So an answer of at least the floor's
edition holds everything that was committed longer ago than the limit, whichever replica gave it and however its clock
goes: only the clock of this process is read, and only differences of it.
"""

import time
from collections import deque
from collections.abc import Callable


class Freshness:
    """What the primary said within the last `limit` seconds."""

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        self._looks: deque[tuple[float, int]] = deque()
        self.epoch: str | None = None

    def saw(self, asked_at: float, edition: int, epoch: str) -> bool:
        """Keep what the primary answered to a look that was asked then. Returns whether another history has begun."""
        known, self.epoch = self.epoch, epoch
        if epoch != known:
            # What another history held says nothing of this one.
            self._looks.clear()
        self._looks.append((asked_at, edition))
        return known not in {None, epoch}

    def floor(self) -> int | None:
        """The least edition that an answer may have now; None when the primary said nothing within the limit."""
        oldest = self._clock() - self._limit
        looks = self._looks
        while looks and looks[0][0] < oldest:
            looks.popleft()
        return looks[0][1] if looks else None

    def lag(self, edition: int) -> float:
        """Seconds since which a replica of this edition lacks something, for all that is known; 0 where nothing."""
        lacking = next((asked_at for asked_at, held in self._looks if held > edition), None)
        return 0.0 if lacking is None else self._clock() - lacking

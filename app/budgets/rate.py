"""How fast one caller may ask: a bucket that a minute fills, in the memory of this process.

Each process counts for itself, so N of them let N times as much through. That is enough to keep one caller from taking
a whole node; what a caller may learn is counted exactly, in the database (app.budgets.ledger).
"""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

WINDOW = 60.0
# Room for the rounding of fractions of a second.
ROUNDING = 1e-6
# The oldest callers are forgotten first: a forgotten one starts with a full bucket.
MOST_CALLERS = 100_000


class Taken(NamedTuple):
    """What one request found: requests that may follow it at once, or seconds until the next one may come."""

    left: int
    wait: float


class Rates:
    """Buckets of requests, one for each caller (GCRA: one instant a caller says how full its bucket is)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._empty_until: dict[str, float] = {}

    def wait(self, caller: str, a_minute: int) -> float:
        """Seconds until one more may be taken, which is left where it is; 0 when there is one."""
        debt = self._empty_until.get(caller, 0.0) - self._clock() + WINDOW / a_minute
        return debt - WINDOW if debt > WINDOW + ROUNDING else 0.0

    def take(self, caller: str, a_minute: int) -> Taken:
        """Take one request out of a bucket of `a_minute`. `wait` is above 0 when there was none left."""
        now, interval = self._clock(), WINDOW / a_minute
        debt = max(self._empty_until.get(caller, now) - now, 0.0) + interval
        if debt > WINDOW + ROUNDING:
            return Taken(0, debt - WINDOW)
        if caller not in self._empty_until and len(self._empty_until) >= MOST_CALLERS:
            del self._empty_until[next(iter(self._empty_until))]
        self._empty_until[caller] = now + debt
        return Taken(max(math.floor((WINDOW - debt + ROUNDING) / interval), 0), 0.0)

"""A copy that is followed for ever: what comes is taken at once, and proved by its own rows now and then.

A database shows each page as soon as it is taken. A file that is written whole (app.replica.ldif_copy) shows what was
proved, so such a copy is proved soon after it moved: somebody who was hidden must not stand in it for an hour.
"""

import time
from collections.abc import Callable
from math import ceil, inf

from app.replica.copy import Copy
from app.replica.follower import Follower
from app.replica.proof import Outcome, prove

WAIT_SECONDS = 30


class Proofs:
    """When a copy is proved next: `pause` seconds after the last time, `pause_moved` if it is not what was proved."""

    def __init__(self, pause: float, pause_moved: float = inf, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause, self._pause_moved, self._clock = pause, min(pause, pause_moved), clock
        self._last = clock()

    def left(self, copy: Copy) -> float:
        """Seconds until then; 0 when it is time."""
        pause = self._pause if copy.proved.edition == copy.held.edition else self._pause_moved
        return max(0.0, self._last + pause - self._clock())

    def done(self) -> None:
        self._last = self._clock()


def advance(follower: Follower, proofs: Proofs) -> Outcome | None:
    """Take a page, waited for until a proof is due at most; prove the copy when it is time, and make it right."""
    page = follower.step(wait=min(WAIT_SECONDS, ceil(proofs.left(follower.copy))))
    if not page.is_at_edition or proofs.left(follower.copy):
        return None
    outcome = prove(follower, repairs=True, restates=False)
    proofs.done()
    return outcome

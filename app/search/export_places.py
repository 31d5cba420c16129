"""How many exports one API process makes at a time: each holds a connection, and a state that vacuum must keep."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from app.problems import Problem

MOST_AT_ONCE, OF_ONE_CALLER = 4, 2
RETRY_SECONDS = 10


class ExportTooMany(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "export.too_many"
    title = "Too many exports are being made"


class ExportPlaces:
    """The places of one process, and who has taken them."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        return self._taken.total()

    @contextmanager
    def place(self, caller: str) -> Iterator[None]:
        """A place for one export. Raises ExportTooMany when all are taken, or this caller's share is: nobody queues."""
        if self.taken >= MOST_AT_ONCE or self._taken[caller] >= OF_ONE_CALLER:
            raise ExportTooMany("Wait until one has ended, or page through the list.", retry_after=RETRY_SECONDS)
        self._taken[caller] += 1
        try:
            yield
        finally:
            self._taken[caller] -= 1
            # A counter keeps names of callers that export no more.
            self._taken += Counter()

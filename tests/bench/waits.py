"""Where the statements of the API are: at work in PostgreSQL, or waiting there, and for what."""

import threading
from collections import Counter
from typing import Self

import psycopg

INTERVAL = 0.1
# A session that is idle in its transaction waits for the API.
LOOK = """
SELECT CASE WHEN state <> 'active' THEN 'in a transaction, awaiting the API'
            WHEN wait_event_type IS NULL THEN 'at work'
            WHEN wait_event = 'advisory' THEN 'waiting for lock '
              || (SELECT min(l.objid::text) FROM pg_locks l WHERE l.pid = a.pid AND NOT l.granted)
            ELSE 'waiting for ' || wait_event END, count(*)
FROM pg_stat_activity a WHERE application_name ~ '^annuaire-api/' AND state <> 'idle' GROUP BY 1
"""


class Waits:
    """Looks ten times a second while it is entered."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._found: Counter[str] = Counter()
        self._looks = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def at_a_time(self) -> list[tuple[str, float]]:
        """What they did, and how many at a time on the average, the most first; less than a hundredth is left out."""
        shares = [(what, count / max(1, self._looks)) for what, count in self._found.most_common()]
        return [(what, share) for what, share in shares if share >= 0.01]

    def _look(self) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            while not self._stop.wait(INTERVAL):
                for what, count in connection.execute(LOOK, prepare=True):
                    self._found[what] += count
                self._looks += 1

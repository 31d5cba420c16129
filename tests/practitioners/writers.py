"""People who come, change their names and go, all the time, while somebody reads."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

from app.sandbox.numbers import rpps
from tests.builders import Connection, a_practitioner, publish
from tests.harness.database import Database

WRITERS = 2
ROOM = 100_000
PATIENCE = 60.0


class Writer(threading.Thread):
    """Publishes one person after the other; each gets another name, and every second one is struck off."""

    def __init__(self, connection: Connection, first: int) -> None:
        super().__init__()
        self._connection, self._first = connection, first
        self._stopping, self._committed = threading.Event(), threading.Semaphore(0)

    def run(self) -> None:
        for number in count(self._first):
            for write in (self._enter, self._rename, self._strike_off):
                if self._stopping.is_set():
                    return
                write(number)
                self._committed.release()

    def _enter(self, number: int) -> None:
        family = f"DU{'AEIOUZ'[number % 6]}{number}"
        publish(
            self._connection,
            ("practitioner", a_practitioner(self._connection, rpps=rpps(number), family=family, given="Anne")),
        )

    def _rename(self, number: int) -> None:
        family = f"DU{'ZUOIEA'[number % 6]}{number}"
        self._change("UPDATE practice SET family = %(family)s WHERE practitioner = %(key)s", number, family)

    def _strike_off(self, number: int) -> None:
        if number % 2:
            self._change("UPDATE practitioner SET register_state = 'closed' WHERE national_id = %(key)s", number)

    def _change(self, statement: str, number: int, family: str = "") -> None:
        key = "8" + rpps(number)
        self._connection.execute(statement, {"key": key, "family": family})
        publish(self._connection, ("practitioner", key))

    def wait_for(self, writes: int) -> None:
        """Until so many more are committed than were waited for. Raises AssertionError: they are not."""
        for _ in range(writes):
            assert self._committed.acquire(timeout=PATIENCE), "nothing is written"

    def end(self) -> None:
        """After the write at hand."""
        self._stopping.set()
        self.join(PATIENCE)
        assert not self.is_alive()


@contextmanager
def writing(database: Database, first: int) -> Iterator[Sequence[Writer]]:
    """Writers at work, on people of the numbers from `first` on."""
    writers = [Writer(database.connect(), first + number * ROOM) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        yield writers
    finally:
        for writer in writers:
            writer.end()

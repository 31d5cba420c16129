"""Commits out of order (F13): two writers and a reader of the feed, in every order of their steps.

A writer whose step waits for the other goes on when it may, as it would in life; the reader polls after each step.
"""

import itertools
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from app.settings import Settings
from tests.builders import a_mailbox, publish
from tests.faults.report import Tell, Tried
from tests.harness.database import Database
from tests.publication.follower import published
from tests.publication.test_feed_complete import following
from tests.publication.world import assert_world

BOXES = tuple(f"{name}@ch-exemple.mssante.fr" for name in ("a", "b"))
ORDERS = sorted(set(itertools.permutations("AAABBB")))
# The two that every run tries: the second comes first, and both are open at once.
SHORT = (tuple("AABBBA"), tuple("ABABBA"))
ENDS = [(first, second) for first in ("COMMIT", "ROLLBACK") for second in ("COMMIT", "ROLLBACK")]
BLOCKED = "SELECT cardinality(pg_blocking_pids(%s)) > 0"


class Writer:
    """A connection that takes one step after the other in a thread of its own."""

    def __init__(self, connection: psycopg.Connection[object], box: str, number: int, end: str) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(1)
        self._steps = iter(
            (
                ("UPDATE mailbox SET service = %s WHERE address = %s", (str(number), box)),
                ("SELECT publish(ARRAY['mailbox'], ARRAY[%s])", (box,)),
                (end, ()),
            )
        )
        self._last: Future[object] = self._thread.submit(int)

    def step(self, watch: psycopg.Connection[object]) -> None:
        """Take the next step, and come back when it is taken or waits for the other writer."""
        statement, values = next(self._steps)
        self._last = self._thread.submit(self._connection.execute, statement.encode(), values)
        pid = self._connection.info.backend_pid
        while not self._last.done() and watch.execute(BLOCKED, [pid]).fetchone() != (True,):
            pass

    def finish(self) -> None:
        self._last.result(60)
        self._thread.shutdown()


@contextmanager
def writers(database: Database, number: int, ends: tuple[str, str]) -> Iterator[dict[str, Writer]]:
    with database.connect() as first, database.connect() as second:
        yield {
            name: Writer(connection, box, number, end)
            for name, connection, box, end in zip("AB", (first, second), BOXES, ends, strict=True)
        }


def play(database: Database, settings: Settings, orders: list[tuple[str, ...]]) -> int:
    """Every order with every end; returns how many histories were read without a gap."""
    with database.connect() as registry:
        publish(registry, *(("mailbox", a_mailbox(registry, box)) for box in BOXES))
    watch = database.connect(autocommit=True)
    histories = 0
    with following(settings) as (runner, follower):
        for order, ends in itertools.product(orders, ENDS):
            histories += 1
            with writers(database, histories, ends) as both:
                for name in order:
                    both[name].step(watch)
                    runner.run(follower.step())
                for writer in both.values():
                    writer.finish()
            runner.run(follower.step())
            assert follower.copy == published(watch), (order, ends)
            (edition,) = watch.execute("SELECT edition FROM directory").fetchone() or (0,)
            assert follower.seen == list(range(1, edition + 1)), (order, ends)
            committed = {
                box: watch.execute("SELECT service FROM mailbox WHERE address = %s", [box]).fetchone() for box in BOXES
            }
            for box, end in zip(BOXES, ends, strict=True):
                assert (committed[box] == (str(histories),)) is (end == "COMMIT"), (order, ends)
    assert_world(watch)
    return histories


@pytest.mark.parametrize(
    "orders", [pytest.param(list(SHORT), id="short"), pytest.param(ORDERS, id="all", marks=pytest.mark.fault)]
)
def test_whoever_commits_first_every_change_is_read_once_and_in_order(
    database: Database, settings: Settings, orders: list[tuple[str, ...]], tell: Tell
) -> None:
    histories = play(database, settings, orders)
    tell(Tried("F13", "two writers and a reader, every order of their steps", histories, 0, 0))

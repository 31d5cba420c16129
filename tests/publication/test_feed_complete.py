"""The theorem of the feed: whoever follows it and stands at the edition holds exactly the publication.

Whatever writers, rollbacks, deaths and the dropping of old changes do meanwhile, in any order (a state machine), and at
once (threads on one PostgreSQL).
"""

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from pydantic import SecretStr

from app.paging import Cursors
from app.pools import read_pool
from app.publication import feed, log
from app.publication.arrivals import Arrivals
from app.publication.digest_tree import root_of
from app.settings import Settings
from tests.builders import a_mailbox, a_structure, publish
from tests.harness.database import Database
from tests.publication.follower import Follower, published

Connection = psycopg.Connection[Any]
BOXES = [f"m{number}@ch-exemple.mssante.fr" for number in range(6)]
STRUCTURE = "1990000010"
CURSORS = feed.FeedCursors(Cursors(SecretStr("pepper")))
LATER = datetime.now(UTC) + timedelta(days=1)
WRITERS, WRITES = 4, 40
# What a writer does to one resource; the number makes each of them different.
WRITES_OF = {
    "describe": ("mailbox", "UPDATE mailbox SET service = %(number)s WHERE address = %(key)s"),
    "hide": ("mailbox", "UPDATE mailbox SET unlisted = NOT unlisted WHERE address = %(key)s"),
    "withdraw": ("mailbox", "UPDATE mailbox SET state = 'withdrawn' WHERE address = %(key)s"),
    "restore": ("mailbox", "UPDATE mailbox SET state = 'active' WHERE address = %(key)s"),
    "rename": ("organization", "UPDATE organization_record SET name = %(number)s WHERE organization = %(key)s"),
}
ENDS = ("publish", "publish", "mark", "roll back", "die")


def found(connection: Connection) -> None:
    """Six mailboxes of one structure, whose name stands in each of them."""
    a_structure(connection)
    for address in BOXES:
        a_mailbox(connection, address, organization=STRUCTURE)
    publish(connection, ("organization", STRUCTURE), *(("mailbox", address) for address in BOXES))


def write(connection: Connection, what: str, box: str, number: int, end: str) -> None:
    """One transaction of a writer, and how it ends."""
    kind, statement = WRITES_OF[what]
    key = box if kind == "mailbox" else STRUCTURE
    connection.execute(statement, {"key": key, "number": str(number)})
    if end == "mark":
        connection.execute("INSERT INTO pending (kind, key) VALUES (%s, %s)", (kind, key))
    else:
        connection.execute("SELECT publish(ARRAY[%s], ARRAY[%s])", (kind, key))
    if end == "die":
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    elif end == "roll back":
        connection.rollback()
    else:
        connection.commit()


@contextmanager
def following(settings: Settings, **query: Any) -> Iterator[tuple[asyncio.Runner, Follower]]:
    """A follower with a loop and a connection of its own."""
    with asyncio.Runner() as runner:
        pool = read_pool(settings.model_copy(update={"database_pool": 1}))
        arrivals = Arrivals(settings)
        held = arrivals.kept()
        runner.run(pool.open())
        runner.run(held.__aenter__())
        try:
            yield runner, Follower(pool, CURSORS, arrivals, **query)
        finally:
            runner.run(held.__aexit__(None, None, None))
            runner.run(pool.close())


class History(RuleBasedStateMachine):
    """One history, read by a follower with pages of any size, which begins wherever the history stands."""

    connection: Connection
    keeper: Connection
    runner: asyncio.Runner
    follower: Follower
    number = 0

    def __init__(self) -> None:
        super().__init__()
        self.runner.run(self.follower.begin())

    @rule(
        what=st.sampled_from(sorted(WRITES_OF)),
        box=st.sampled_from(BOXES),
        end=st.sampled_from(["publish", "mark", "roll back"]),
    )
    def a_writer_writes(self, what: str, box: str, end: str) -> None:
        History.number += 1
        write(self.connection, what, box, History.number, end)

    @rule(portion=st.integers(1, 10))
    def the_drain_publishes(self, portion: int) -> None:
        self.connection.execute("SELECT drain(%s)", (portion,))
        self.connection.commit()

    @rule()
    def the_open_range_is_closed(self) -> None:
        log.close_range(self.keeper)

    @rule()
    def all_that_happened_is_dropped(self) -> None:
        log.close_range(self.keeper)
        log.prune(self.keeper, LATER)

    @rule()
    def the_directory_is_restored_elsewhere(self) -> None:
        self.connection.execute("SELECT begin_epoch('a test', 'test', 'restored')")
        self.connection.commit()

    @rule()
    def the_follower_keeps_its_copy(self) -> None:
        self.follower.keep()

    @rule()
    def the_follower_dies(self) -> None:
        self.follower.die()

    @rule(limit=st.integers(1, 5))
    def the_follower_reads_a_page(self, limit: int) -> None:
        self.follower._query["limit"] = limit
        if self.runner.run(self.follower.step()):
            assert self.follower.copy == published(self.keeper)

    def teardown(self) -> None:
        for _ in range(1_000):
            if self.runner.run(self.follower.step()):
                break
        assert self.follower.copy == published(self.keeper)


@pytest.mark.slow
def test_any_history_is_followed(database: Database, settings: Settings) -> None:
    History.connection = database.connect()
    History.keeper = database.connect(autocommit=True)
    found(History.connection)
    with following(settings) as (History.runner, History.follower):
        run_state_machine_as_test(
            History,
            settings=hypothesis_settings(
                max_examples=25, stateful_step_count=25, suppress_health_check=list(HealthCheck)
            ),
        )


def _writer(database: Database, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - which of the cases, not a secret
    connection = psycopg.connect(database.dsn)
    for number in range(WRITES):
        with suppress(psycopg.errors.AdminShutdown):
            what, box, end = chance.choice(sorted(WRITES_OF)), chance.choice(BOXES), chance.choice(ENDS)
            write(connection, what, box, seed * WRITES + number, end)
        if connection.closed:
            connection = psycopg.connect(database.dsn)
    connection.close()


def _drain(database: Database, stop: threading.Event) -> None:
    """The worker's part; at the end nothing is left."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        taken = 0
        while taken or not stop.is_set():
            (taken, _) = connection.execute("SELECT taken, edition FROM drain(3)").fetchone() or (0, 0)


def _keep(database: Database, stop: threading.Event, *, is_pruned: bool) -> None:
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        while not stop.is_set():
            with suppress(psycopg.errors.LockNotAvailable):
                log.close_range(connection)
            if is_pruned:
                with suppress(psycopg.errors.LockNotAvailable):
                    log.prune(connection, LATER)
            stop.wait(0.05)


def _follow(settings: Settings, stop: threading.Event, seed: int, limit: int, told: list[Follower]) -> None:
    """Read until everybody has written and the copy stands at the edition; die now and then."""
    chance = random.Random(seed)  # noqa: S311 - when it dies, not a secret
    with following(settings, limit=limit) as (runner, follower):
        while True:
            is_over = stop.is_set()
            is_at_edition = runner.run(follower.step(wait=0 if is_over else 1))
            if is_over and is_at_edition:
                break
            match chance.randrange(20):
                case 0:
                    follower.die()
                case 1 | 2 | 3 | 4 | 5:
                    follower.keep()
        told.append(follower)


@pytest.mark.parametrize("is_pruned", [False, True], ids=["the log is kept", "the log is dropped under the readers"])
def test_who_stands_at_the_edition_holds_the_publication(
    database: Database, settings: Settings, *, is_pruned: bool
) -> None:
    found(database.connect())
    written, drained = threading.Event(), threading.Event()
    told: list[Follower] = []
    faults: list[BaseException] = []

    def thread(work: Callable[..., None], *given: Any, **named: Any) -> threading.Thread:
        def run() -> None:
            try:
                work(*given, **named)
            except BaseException as fault:  # noqa: BLE001 - raised again below
                faults.append(fault)

        started = threading.Thread(target=run)
        started.start()
        return started

    readers = [thread(_follow, settings, drained, seed, limit, told) for seed, limit in enumerate((1, 1, 7))]
    keeper = thread(_keep, database, drained, is_pruned=is_pruned)
    drain = thread(_drain, database, written)
    for writer in [thread(_writer, database, seed) for seed in range(WRITERS)]:
        writer.join()
    written.set()
    drain.join()
    drained.set()
    for each in (*readers, keeper):
        each.join()
    assert faults == []
    reference = published(database.connect())
    root = root_of((kind, key, fingerprint) for (kind, key), fingerprint in reference.items())
    assert [follower.root for follower in told] == [root] * 3
    assert all(follower.copy == reference for follower in told)
    if not is_pruned:
        edition = (database.connect().execute("SELECT edition FROM directory").fetchone() or (0,))[0]
        assert edition > WRITES
        assert all(set(follower.seen) == set(range(1, edition + 1)) for follower in told)
        assert [follower.begun for follower in told] == [0] * 3

"""F10, a slow or broken line to PostgreSQL: who cannot know of a commit is told 503, and asks again."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.embedded import Postgres
from app.settings import Settings
from tests.faults.clients import Clients
from tests.faults.gate import until
from tests.faults.installation import Installation, installed
from tests.faults.report import Tell, Tried
from tests.harness.database import Database
from tests.harness.relay import Relay

# A statement may take so long; silence beyond that, and app.patience.SILENCE, is none of its time.
LONGEST_MS = 2_000
RESETS = [pytest.param(2, id="few"), pytest.param(40, id="many", marks=pytest.mark.fault)]


@contextmanager
def far(
    cluster: Postgres, database: Database, settings: Settings, folder: Path
) -> Iterator[tuple[Installation, Relay]]:
    """An installation whose API reaches the database over a line of the test's own."""
    line = Relay(cluster.socket_dir / ".s.PGSQL.5432")
    try:
        reached = replace(database, dsn=f"postgresql://annuaire@127.0.0.1:{line.port}/{database.name}")
        more = {"statement_timeout_ms": str(LONGEST_MS)}
        yield replace(installed(database, folder, settings, reached), more=more), line
    finally:
        line.close()


@pytest.mark.parametrize("resets", RESETS)
def test_a_commit_that_nobody_heard_of_is_asked_for_again(
    migrated: Postgres, database: Database, settings: Settings, tmp_path: Path, tell: Tell, resets: int
) -> None:
    """The line is reset with the answer to a COMMIT on it: it happened, and the caller is told 503."""
    longest = 0.0
    with far(migrated, database, settings, tmp_path) as (one, line), one.serving():
        clients = one.clients(resets)
        with clients.at_work():
            for number in range(resets):
                line.reset_at = b"COMMIT\0"
                until(lambda: line.resets > number, "a commit was answered")  # noqa: B023 - called at once
                longest = max(longest, clients.wait_for_all(time.monotonic()))
        unavailable = clients.statuses[503]
        told_harmless(one, clients, tell, "the line is reset on the answer to a COMMIT", resets, longest)
    assert unavailable >= resets


@pytest.mark.fault
def test_a_line_on_which_nothing_passes_costs_no_write_and_no_endless_wait(
    migrated: Postgres, database: Database, settings: Settings, tmp_path: Path, tell: Tell
) -> None:
    with far(migrated, database, settings, tmp_path) as (one, line), one.serving():
        clients = one.clients(7)
        with clients.at_work():
            clients.wait_for(20)
            line.freeze()
            before = clients.statuses[503]
            until(lambda: clients.statuses[503] >= before + 2 * clients.count, "everybody was told 503 twice")
            assert one.get("/healthz") == 200
            assert one.get("/readyz") == 503
            line.mend()
            recovery = clients.wait_for_all(time.monotonic())
        told_harmless(one, clients, tell, "nothing passes on the line", 1, recovery)


@pytest.mark.fault
def test_a_slow_line_makes_writes_slow_and_nothing_else(
    migrated: Postgres, database: Database, settings: Settings, tmp_path: Path, tell: Tell
) -> None:
    with far(migrated, database, settings, tmp_path) as (one, line), one.serving():
        clients = one.clients(8)
        with clients.at_work():
            clients.wait_for(20)
            line.delay = 0.2
            clients.wait_for(40)
            line.mend()
            recovery = clients.wait_for_all(time.monotonic())
        told_harmless(one, clients, tell, "each message takes 0.2 s longer", 1, recovery)


def told_harmless(one: Installation, clients: Clients, tell: Tell, what: str, tries: int, recovery: float) -> None:
    """The row of what was done, which lost and broke nothing, and answered nothing else than it should."""
    lost, broken = one.harm(clients)
    tell(Tried("F10", what, tries, len(lost), len(broken), recovery))
    assert (lost, broken) == ([], [])
    assert set(clients.statuses) <= {200, 409, 503}

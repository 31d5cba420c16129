"""F9, a slow or frozen slapd: the API does not notice, the worker waits in a bounded way, and the tree catches up."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from app.embedded import Slapd
from app.ldap.client import Exporter
from app.settings import Settings
from tests.faults.commands import Process, started, words
from tests.faults.gate import until
from tests.faults.installation import Installation, installed
from tests.faults.report import Tell, Tried
from tests.harness.database import Database
from tests.harness.relay import Relay

pytestmark = pytest.mark.fault
# Written while slapd is in trouble: several batches of the worker.
ANSWERS, BATCH = 150, 20
# The memory of a process that holds no more than a batch.
MOST_GROWTH = 1.5


@contextmanager
def followed(one: Installation, slapd: Slapd) -> Iterator[tuple[Process, Relay]]:
    """A worker that follows into this slapd, over a line of the test's own."""
    at = one.folder / "line"
    line = Relay(Path(unquote(slapd.ldapi_uri.removeprefix("ldapi://"))), at)
    more = {"ldap_enabled": "true", "ldap_uri": f"ldapi://{quote(str(at), safe='')}", "ldap_batch": str(BATCH)}
    try:
        with started(one.database, one.folder, "worker", snapshot_hours="0", **more) as worker:
            yield worker, line
    finally:
        line.close()


@pytest.mark.parametrize("is_frozen", [False, True], ids=["slow", "frozen"])
def test_writes_go_on_and_the_tree_catches_up(
    database: Database, ldap_settings: Settings, slapd: Slapd, open_dir: Path, tell: Tell, *, is_frozen: bool
) -> None:
    one = installed(database, open_dir, ldap_settings)
    with one.serving(), followed(one, slapd) as (worker, line):
        clients = one.clients(9)
        is_caught_up = caught_up(one)
        until(is_caught_up, "the tree is there")
        before = memory(worker)
        with clients.at_work():
            strike(slapd, line, is_frozen=is_frozen)
            clients.wait_for(ANSWERS)
            clients.wait_for_all(time.monotonic())
        if not is_frozen:
            assert not is_caught_up()
        mend(slapd, line)
        mended = time.monotonic()
        until(is_caught_up, "the tree has caught up")
        recovery = time.monotonic() - mended
        assert worker.poll() is None, words(one.folder)
        assert memory(worker) < before * MOST_GROWTH
    lost, broken = one.harm(clients)
    what = "slapd is stopped for a while" if is_frozen else "each message to slapd takes 0.5 s longer"
    tell(Tried("F9", what, 1, len(lost), len(broken), recovery))
    assert (lost, broken) == ([], [])
    assert set(clients.statuses) <= {200, 409, 503}


def strike(slapd: Slapd, line: Relay, *, is_frozen: bool) -> None:
    assert slapd.process is not None
    if is_frozen:
        os.kill(slapd.process.pid, signal.SIGSTOP)
    else:
        line.delay = 0.5


def mend(slapd: Slapd, line: Relay) -> None:
    assert slapd.process is not None
    os.kill(slapd.process.pid, signal.SIGCONT)
    line.mend()


def caught_up(one: Installation) -> Callable[[], bool]:
    """Whether the tree holds the present edition."""

    def is_caught_up() -> bool:
        with one.database.connect(autocommit=True) as connection:
            row = connection.execute("SELECT edition FROM directory").fetchone()
        with Exporter(one.settings.ldap_uri, one.settings.ldap_suffix) as exporter:
            state = exporter.state()
        return row is not None and state is not None and state.edition == row[0]

    return is_caught_up


def memory(process: Process) -> int:
    """KiB that a process holds."""
    status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))

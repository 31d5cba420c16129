"""The primary is killed and its replica promoted: API and worker go over by themselves, and another history begins."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.access.keys import issue
from app.embedded import Postgres
from app.main import create_app
from app.settings import Settings
from tests.faults.commands import done, started, words
from tests.harness.database import TEMPLATE, Database
from tests.harness.standby import kill, until
from tests.mailbox_writes.operators import Operator, org
from tests.standby.pair import Pair, Writers, a_writing_operator, pair

ENOUGH = 20
EPOCH = "SELECT epoch FROM directory"
PUBLISHED = "SELECT count(*) FROM publication WHERE kind = 'mailbox' AND key = ANY (%s)"
PEPPER = "pepper-of-the-tests"


def settings_of(servers: Pair, folder: Path) -> Settings:
    return Settings(
        _env_file=None,
        database_url=servers.url,
        read_database_url=servers.read_url,
        read_lag_ms=2_000,
        key_pepper=PEPPER,
        publish_with_key=True,
        ldap_enabled=False,
        snapshot_dir=folder / "snapshots",
        snapshot_hours=0,
        log_level="error",
    )


@pytest.fixture
def safe(migrated: Postgres) -> Iterator[Pair]:
    """A commit is acknowledged when the replica has it too."""
    with pair(migrated, is_synchronous=True) as servers:
        yield servers


@pytest.fixture
def quick(migrated: Postgres) -> Iterator[Pair]:
    """A commit is acknowledged when the primary has it."""
    with pair(migrated, is_synchronous=False) as servers:
        yield servers


class Api:
    """The API, in process, and a worker beside it, neither of which is started again."""

    def __init__(self, servers: Pair, client: TestClient, settings: Settings, folder: Path) -> None:
        self.servers, self.client, self.folder = servers, client, folder
        identifier, headers = a_writing_operator(servers, settings)
        self.operator = Operator(client, identifier, headers)
        self.writers = Writers(self.operator)
        # The worker has noted where this history is written.
        until(lambda: servers.ask("SELECT witness FROM directory") is not None, "the worker is at work")
        self.epoch = servers.ask(EPOCH)
        with psycopg.connect(servers.url) as connection:
            _, key = issue(connection, settings.key_pepper, "a follower", ("read",), None)
        # A follower that holds a newer state than the replica may have.
        self._reader = {"Authorization": f"Bearer {key}", "Minimum-Edition": str(2**40)}

    def changes(self, after: str | None = None) -> Any:
        query = "limit=1000" if after is None else f"after={after}"
        return self.client.get(f"/v1/changes?{query}", headers=self._reader)

    def fail_over(self) -> None:
        """Promote the replica of a primary that was killed, and wait for the worker."""
        self.servers.replica.promote()
        until(lambda: self.servers.ask(EPOCH) != self.epoch, f"another history begins\n{words(self.folder)}")

    def write(self) -> None:
        """So many more that are acknowledged."""
        with self.writers.at_work():
            first = len(self.writers.acknowledged)
            until(lambda: len(self.writers.acknowledged) >= first + ENOUGH, "operators write")

    def assert_followers_begin_anew(self, old: str) -> None:
        """A cursor of the history before leads to full files of this one, and from there on without a gap."""
        database = Database(TEMPLATE, self.servers.url)
        assert done(database, self.folder, "snapshot", "make") == 0, words(self.folder)
        until(lambda: self.changes(old).status_code != 503, "the API reads again")
        gone = self.changes(old)
        assert (gone.status_code, gone.json()["code"]) == (410, "feed.cursor_expired")
        beginning = gone.json()["snapshot"]
        assert beginning["edition"] == self.servers.ask("SELECT edition FROM directory")
        assert self.changes(beginning["next"]).json()["items"] == []


@contextmanager
def serving(servers: Pair, folder: Path) -> Iterator[Api]:
    settings = settings_of(servers, folder)
    database = Database(TEMPLATE, servers.url)
    with (
        started(database, folder, "worker", key_pepper=PEPPER, snapshot_hours="0"),
        TestClient(create_app(settings), raise_server_exceptions=False) as client,
    ):
        yield Api(servers, client, settings, folder)


def test_a_promotion_loses_nothing_that_was_acknowledged_and_sends_followers_to_a_new_copy(
    safe: Pair, tmp_path: Path
) -> None:
    with serving(safe, tmp_path) as api:
        writers = api.writers
        with writers.at_work():
            until(lambda: len(writers.acknowledged) >= ENOUGH, "operators write")
            old = api.changes().json()["next"]
            kill(safe.primary)
            until(lambda: 503 in writers.statuses, "operators are told that nothing can be written")
        assert writers.statuses == {201, 503}
        api.fail_over()
        api.write()
        assert safe.ask(PUBLISHED, writers.acknowledged) == len(writers.acknowledged)
        api.assert_followers_begin_anew(old)
        until(lambda: api.client.get("/readyz").json().get("standby") == "read", "the one that is left answers reads")


@pytest.mark.fault
def test_what_an_asynchronous_replica_lacked_is_lost_and_nobody_takes_it_for_published(
    quick: Pair, tmp_path: Path
) -> None:
    with serving(quick, tmp_path) as api:
        api.write()
        quick.replica.follow()
        kept = list(api.writers.acknowledged)
        quick.replica.configure(primary_conninfo="")
        until(lambda: quick.replica.run("SELECT count(*) FROM pg_stat_wal_receiver") == 0, "the replica is cut off")
        api.write()
        lost = api.writers.acknowledged[len(kept) :]
        newer = api.changes().json()
        assert newer["items"][-1]["key"] in lost
        kill(quick.primary)
        api.fail_over()
        assert quick.ask(PUBLISHED, kept) == len(kept)
        assert quick.ask(PUBLISHED, lost) == 0
        assert quick.ask("SELECT edition FROM directory") < newer["edition"]
        api.assert_followers_begin_anew(newer["next"])
        assert {api.operator.put(address, org()).status_code for address in lost} == {201}

"""A database that takes no writes for now, as hosts make it before its disk is full: it is said, and waited for."""

from pathlib import Path

import pytest
from psycopg import sql
from starlette.testclient import TestClient

from app.access.keys import issue
from app.doctor import examine
from app.main import create_app
from app.settings import Settings
from tests.builders import DOMAIN, a_mailbox, a_small_directory, an_operator
from tests.faults.commands import done, started, words
from tests.harness.database import Database
from tests.harness.standby import until
from tests.mailbox_writes.operators import Operator, domain_of, org

ANNE = f"/v1/mailboxes/anne.exemple@{DOMAIN}"
OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
PUBLISHED = "SELECT count(*) FROM publication WHERE kind = 'mailbox'"


class Host:
    """Whoever runs the database, and may write to it when nobody else does."""

    def __init__(self, database: Database) -> None:
        self._name = database.name
        self.connection = database.connect(autocommit=True)
        self.connection.execute("SET default_transaction_read_only = off")

    def set_read_only(self, value: str) -> None:
        """Of every session: those that are open are ended."""
        statement = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")
        self.connection.execute(statement.format(sql.Identifier(self._name), sql.Literal(value)))
        self.connection.execute(OTHERS, [self._name])

    def published(self) -> int:
        return int((self.connection.execute(PUBLISHED).fetchone() or (0,))[0])


@pytest.fixture
def host(database: Database) -> Host:
    return Host(database)


@pytest.fixture
def read_only(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(
        update={"database_pool": 2, "log_level": "error", "publish_with_key": True, "spool_dir": tmp_path / "spool"}
    )


def test_the_api_reads_on_and_says_of_writes_that_they_wait(host: Host, read_only: Settings) -> None:
    a_small_directory(host.connection)
    identifier = an_operator(host.connection, domains=(domain_of("own"),))
    keys = {
        scope: {"Authorization": f"Bearer {issue(host.connection, read_only.key_pepper, scope, [scope], operator)[1]}"}
        for scope, operator in (("publish", identifier), ("admin", None), ("read", None))
    }
    host.set_read_only("on")
    with TestClient(create_app(read_only), raise_server_exceptions=False) as client:
        operator = Operator(client, identifier, keys["publish"])
        for refused in (
            operator.put(f"new@{DOMAIN}", org()),
            client.post("/v1/imports", content=b"a|b\n", headers=keys["admin"]),
        ):
            assert (refused.status_code, refused.json()["code"]) == (503, "database.unavailable"), refused.text
            assert int(refused.headers["retry-after"]) > 0
        assert client.get(ANNE, headers=keys["read"]).status_code == 200
        look = next(each for each in examine(read_only) if each.name == "database")
        assert (look.ok, "takes no writes" in look.detail) == (False, True)
        host.set_read_only("off")
        # A session that was told to end may still be answering.
        until(lambda: operator.put(f"new@{DOMAIN}", org()).status_code == 201, "the operator writes")


def test_the_worker_waits(host: Host, database: Database, tmp_path: Path) -> None:
    a_small_directory(host.connection)
    with host.connection.transaction():
        address = a_mailbox(host.connection, f"new@{DOMAIN}", organization=None)
        host.connection.execute("INSERT INTO pending (kind, key) VALUES ('mailbox', %s)", [address])
    before = host.published()
    host.set_read_only("on")
    with started(database, tmp_path, "worker", snapshot_hours="0") as worker:
        until(lambda: worker.poll() is not None or words(tmp_path).count("ReadOnly") > 1, "the worker tries again")
        assert worker.poll() is None, words(tmp_path)
        host.set_read_only("off")
        until(lambda: host.published() > before, "the worker publishes")
        assert worker.poll() is None, words(tmp_path)


@pytest.mark.parametrize("command", [("operator", "add", "a", "--name", "A"), ("db", "upgrade")])
def test_a_command_says_what_is_the_matter(
    host: Host, database: Database, tmp_path: Path, command: tuple[str, ...]
) -> None:
    # So that there is something to upgrade.
    host.connection.execute("UPDATE alembic_version SET version_num = '0015'")
    host.set_read_only("on")
    assert done(database, tmp_path, *command) == 2
    said = words(tmp_path)
    assert "read-only transaction" in said
    assert "Traceback" not in said

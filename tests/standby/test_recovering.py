"""A server that replays its log takes nothing and shows what was true once: API and worker wait for its end.

Only a URL that names one server leads there: of several, the one that writes is chosen.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.doctor import examine
from app.embedded import Postgres
from app.main import create_app
from app.settings import Settings
from tests.builders import DOMAIN, a_small_directory
from tests.faults.commands import started, words
from tests.harness.database import Database
from tests.harness.standby import Standby, replicated, until

ANNE = f"/v1/mailboxes/anne.exemple@{DOMAIN}"
WITNESS = "SELECT witness FROM directory"


@pytest.fixture
def recovering(migrated: Postgres, database: Database) -> Iterator[Standby]:
    """A server that replays the log of a small directory, and will until it is promoted."""
    with database.connect() as connection:
        a_small_directory(connection)
    with replicated(migrated) as server:
        server.follow()
        yield server


@pytest.fixture
def itself(recovering: Standby, database: Database) -> Database:
    return Database(database.name, recovering.dsn(database.name))


@pytest.fixture
def its_settings(api_settings: Settings, itself: Database) -> Settings:
    return api_settings.model_copy(update={"database_url": itself.dsn, "ldap_enabled": False})


def test_a_server_that_replays_its_log_is_waited_for_and_nothing_of_it_is_shown(
    recovering: Standby, itself: Database, its_settings: Settings, tmp_path: Path
) -> None:
    def found() -> tuple[bool | None, str]:
        return next((each.ok, each.detail) for each in examine(its_settings) if each.name == "database")

    with (
        started(itself, tmp_path, "worker", snapshot_hours="0") as worker,
        TestClient(create_app(its_settings), raise_server_exceptions=False) as client,
    ):
        until(lambda: worker.poll() is not None or words(tmp_path).count("hot standby") > 1, "the worker tries again")
        assert (client.get(ANNE).status_code, client.get("/readyz").status_code) == (503, 503)
        is_well, detail = found()
        assert not is_well
        assert "hot standby" in detail
        recovering.promote()
        until(lambda: client.get(ANNE).status_code == 200, "the API reads")
        with itself.connect(autocommit=True) as connection:
            until(lambda: connection.execute(WITNESS).fetchone() != (None,), "the worker is at work")
        assert worker.poll() is None, words(tmp_path)
        assert found()[0]

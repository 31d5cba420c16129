"""An API that reads from a real streaming replica, called in process."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from app.embedded import Postgres
from app.main import create_app
from app.settings import Settings
from tests.harness.database import Database
from tests.harness.standby import Standby, replicated
from tests.http.fixtures import api_settings, key_for, reader, registry

__all__ = ["api_settings", "key_for", "reader", "registry"]

# A replica that is stopped is still read for the first, and hardly for the second.
LONG, SHORT = 60_000, 200


@pytest.fixture(scope="module")
def standby(migrated: Postgres) -> Iterator[Standby]:
    """A replica of the cluster of the tests."""
    with replicated(migrated) as replica:
        yield replica


@pytest.fixture
def split(api_settings: Settings, database: Database, standby: Standby) -> Iterator[Settings]:
    """Settings with the replica of this test's database, read however far it lags.

    It replays again at the end: a database that it holds up cannot be dropped.
    """
    standby.follow()
    url = standby.dsn(database.name)
    yield api_settings.model_copy(update={"read_database_url": url, "read_lag_ms": LONG})
    standby.resume()


@pytest.fixture
def client(split: Settings) -> Iterator[TestClient]:
    """The API beside the replica."""
    with TestClient(create_app(split), raise_server_exceptions=False) as test_client:
        yield test_client

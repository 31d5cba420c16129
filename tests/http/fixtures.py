"""The API on this test's database, called in process: `client` (anonymous) and `reader` (a key with scope read)."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.access.keys import issue
from app.main import create_app
from app.settings import Settings
from tests.harness.database import Database

Connection = psycopg.Connection[Any]


@pytest.fixture
def registry(database: Database) -> Connection:
    """A connection that writes the registry; builders and `publish` use it."""
    return database.connect()


@pytest.fixture
def api_settings(settings: Settings) -> Settings:
    """Few connections: each test has a database, and an API, of its own."""
    return settings.model_copy(update={"database_pool": 2, "log_level": "error"})


@pytest.fixture
def client(api_settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(api_settings), raise_server_exceptions=False) as test_client:
        yield test_client


@pytest.fixture
def key_for(registry: Connection, api_settings: Settings) -> Callable[..., dict[str, str]]:
    """Headers of a new key with these scopes."""

    def make(*scopes: str, operator: str | None = None, budget: int | None = None) -> dict[str, str]:
        _, key = issue(registry, api_settings.key_pepper, "a test", scopes, operator, budget=budget)
        registry.commit()
        return {"Authorization": f"Bearer {key}"}

    return make


@pytest.fixture
def reader(key_for: Callable[..., dict[str, str]]) -> dict[str, str]:
    return key_for("read")

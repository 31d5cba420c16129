"""A directory that serves over HTTP and signs, and copies of it in each kind of place."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.access.keys import issue
from app.embedded import Postgres
from app.embedded.secret import signing_key
from app.members.credentials import Credentials
from app.members.rest import Rest
from app.replica.copy import Copy
from app.replica.follower import Follower
from app.replica.ldif_copy import LdifCopy
from app.replica.postgres_copy import PostgresCopy
from app.replica.source import Source
from app.replica.sqlite_copy import SqliteCopy
from app.settings import Settings
from tests.harness.database import Database, cloned
from tests.harness.serving import serving

Connection = psycopg.Connection[Any]
SUFFIX = "dc=mssante,dc=fr"
Open = Callable[[str], Copy]


@pytest.fixture
def registry(database: Database) -> Connection:
    return database.connect()


@pytest.fixture
def signing(settings: Settings, tmp_path: Path) -> Settings:
    """An installation that signs."""
    holds = {"signing_key": signing_key(tmp_path), "database_pool": 2, "log_level": "error", "key_rate": 0}
    return settings.model_copy(update=holds)


@pytest.fixture
def served(signing: Settings) -> Iterator[str]:
    """The URL of the API."""
    with serving(signing) as url:
        yield url


@pytest.fixture
def key(registry: Connection, settings: Settings) -> str:
    """A key that reads."""
    _, made = issue(registry, settings.key_pepper, "a follower", ("read",), None)
    registry.commit()
    return made


@pytest.fixture
def source(served: str, key: str) -> Iterator[Source]:
    with Rest(served, Credentials(key=key)) as rest:
        yield Source(rest)


@pytest.fixture
def opened(migrated: Postgres, tmp_path: Path) -> Iterator[Open]:
    """Opens the copy of a kind: the same one each time, as another process would."""
    with ExitStack() as stack:
        beside = stack.enter_context(cloned(migrated, "template1"))

        def make(kind: str) -> Copy:
            if kind == "postgres":
                return stack.enter_context(PostgresCopy(beside.dsn))
            if kind == "ldif":
                return stack.enter_context(LdifCopy(tmp_path / "copy.ldif", SUFFIX))
            return stack.enter_context(SqliteCopy(tmp_path / "copy.db"))

        yield make


@pytest.fixture
def follower(source: Source, opened: Open) -> Follower:
    """One that keeps its copy in SQLite."""
    return Follower(source, opened("sqlite"))

"""A registry with its terminology and nothing else."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from app.embedded import Postgres
from tests.harness.database import Database, cloned
from tests.imports.sources.loader import clear


@pytest.fixture(scope="package")
def shared_database(migrated: Postgres) -> Iterator[Database]:
    """One database for all tests of the sources: hundreds of small ones, each on an emptied registry."""
    with cloned(migrated) as database:
        yield database


@pytest.fixture
def registry(shared_database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection to an empty registry; each load commits."""
    with psycopg.connect(shared_database.dsn, autocommit=True) as connection:
        clear(connection)
        yield connection

"""A registry with its terminology and nothing else."""

from typing import Any

import psycopg
import pytest

from tests.harness.database import Database


@pytest.fixture
def registry(database: Database) -> psycopg.Connection[Any]:
    """A connection to an empty registry; each load commits."""
    return database.connect(autocommit=True)

"""The connections of an import."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from app.db import connect
from app.settings import Settings

# An importer that was killed must not go on in the server, holding locks.
LIVENESS = "5s"
Connection = psycopg.Connection[Any]


@contextmanager
def session(settings: Settings) -> Iterator[Connection]:
    """A connection whose statements end when this process does."""
    with connect(settings, autocommit=True) as connection:
        connection.execute(f"SET client_connection_check_interval = '{LIVENESS}'".encode())
        yield connection

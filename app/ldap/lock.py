"""One exporter at a time: the advisory lock that is held for each batch, and for the whole of longer work."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from app.console import Refused

EXPORT_LOCK = 7
PATIENCE_SECONDS = 120


@contextmanager
def trying(connection: psycopg.Connection[Any]) -> Iterator[bool]:
    """Whether the lock was free; given back at the end. The lock also goes with the connection."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (EXPORT_LOCK,)).fetchone()
    held = bool(row and row[0])
    try:
        yield held
    finally:
        if held:
            _release(connection)


@contextmanager
def waiting(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """The lock, after a wait: a worker gives it back between two batches. Raises Refused after PATIENCE_SECONDS."""
    connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{PATIENCE_SECONDS}s",))
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", (EXPORT_LOCK,))
    except psycopg.errors.LockNotAvailable as error:
        raise Refused(
            f"another exporter has been writing the LDAP tree for {PATIENCE_SECONDS} s: try again when it has done",
            "ldap.busy",
        ) from error
    try:
        yield
    finally:
        _release(connection)


def _release(connection: psycopg.Connection[Any]) -> None:
    if not connection.closed:
        connection.execute("SELECT pg_advisory_unlock(%s)", (EXPORT_LOCK,))

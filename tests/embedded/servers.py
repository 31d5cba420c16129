"""What the tests of engines ask of a server."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any, Protocol

import psycopg

from app.embedded import Postgres

PATIENCE = 60.0
SUFFIX_ENTRY = b"dn: dc=mssante,dc=fr\nobjectClass: dcObject\nobjectClass: organization\ndc: mssante\no: test\n\n"


def value(postgres: Postgres, statement: str) -> Any:
    """The first value of one committed statement."""
    with psycopg.connect(postgres.dsn()) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else None


def execute(postgres: Postgres, statement: str) -> None:
    with psycopg.connect(postgres.dsn()) as connection:
        connection.execute(statement.encode())


class Server(Protocol):
    """Whatever runs as one process."""

    process: subprocess.Popen[bytes] | None


def kill(server: Server) -> int:
    """kill -9, as nobody can be prepared for. Returns the process id it had."""
    assert server.process is not None
    pid = server.process.pid
    os.kill(pid, signal.SIGKILL)
    server.process.wait(30)
    return pid


def wait_for(condition: Callable[[], bool], what: str, account: Callable[[], str] = lambda: "") -> None:
    """Until the condition holds; a failure says `what` and gives the `account` of those who know."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for: {what}\n{account()}"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

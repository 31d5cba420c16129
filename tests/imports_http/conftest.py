"""The API in process with a spool of its own, and the worker's loop beside it when a test asks for it."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.db import libpq_url
from app.imports import queue
from app.imports.wishes import CHANNEL
from app.settings import Settings
from tests.http.fixtures import client, key_for, reader, registry
from tests.imports.files import MAILBOXES

__all__ = ["client", "key_for", "reader", "registry"]

PATIENCE = 120.0
HEAD, *ROWS = MAILBOXES.read_text("utf-8").splitlines()
Headers = dict[str, str]
Connection = psycopg.Connection[Any]
KeyFor = Callable[..., Headers]


def mailboxes(*rows: str) -> bytes:
    """A file of mailboxes with these rows."""
    return "\n".join([HEAD, *rows, ""]).encode()


@pytest.fixture
def spool_dir(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def api_settings(settings: Settings, spool_dir: Path) -> Settings:
    return settings.model_copy(update={"database_pool": 2, "log_level": "error", "spool_dir": spool_dir})


@pytest.fixture
def admin(key_for: KeyFor) -> Headers:
    """Headers of an admin's key."""
    return key_for("admin")


@pytest.fixture
def worker(api_settings: Settings) -> Iterator[None]:
    """The loop of imports, as `annuaire worker` runs it."""
    stop = threading.Event()
    thread = threading.Thread(target=queue.run, args=(api_settings, stop))
    thread.start()
    yield
    stop.set()
    with psycopg.connect(libpq_url(api_settings.database_url), autocommit=True) as connection:
        connection.execute(f"NOTIFY {CHANNEL}".encode())  # it looks up only then, or after a second
    thread.join(PATIENCE)
    assert not thread.is_alive()


def settled(client: TestClient, admin: Headers, run: str) -> Any:
    """The run, when the worker has nothing more to do with it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        shown = client.get(f"/v1/imports/{run}", headers=admin).json()
        if shown["wish"] is None:
            return shown
        assert time.monotonic() < deadline, shown
        time.sleep(0.05)


def upload(client: TestClient, admin: Headers, content: bytes, **query: Any) -> Any:
    """The answer to an upload that is accepted."""
    answer = client.post("/v1/imports", content=content, headers=admin, params=query)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/imports/{answer.json()['run']}"
    return answer.json()

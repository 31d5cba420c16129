"""A follower that is killed at any moment while eight write: in the end its copy is the directory, row by row."""

import random
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.access.keys import issue
from app.embedded import free_port
from app.embedded.secret import signing_key
from app.publication.digest import reckon_whole
from app.settings import Settings
from tests.embedded.servers import wait_for
from tests.faults.commands import done, kill, started, words
from tests.faults.following import last_object, rows_of, wait_until_at, write
from tests.harness.database import Database

WRITERS = 8
# A wrong row is located in so many calls at most.
MOST_CALLS = 20
# A hundred thousand changes and fifty kills: `make test-follower`.
SIZES = [
    pytest.param(1_600, 5, id="small"),
    pytest.param(100_000, 50, id="national", marks=[pytest.mark.fault, pytest.mark.timeout(7_200)]),
]
PATIENCE = 600.0


@pytest.mark.parametrize(("changes", "kills"), SIZES)
def test_a_follower_that_is_killed_ends_with_the_directory(
    changes: int, kills: int, database: Database, settings: Settings, tmp_path: Path
) -> None:
    with database.connect() as connection:
        _, key = issue(connection, settings.key_pepper, "a follower", ("read",), None)
    (tmp_path / "key").write_text(key, "ascii")
    copy, port = tmp_path / "copy.db", free_port()
    url = f"http://127.0.0.1:{port}"
    holds = {"key_pepper": settings.key_pepper.get_secret_value(), "signing_key": str(signing_key(tmp_path))}
    replica = ("--to", "sqlite", "--at", copy, "--url", url, "--key-file", tmp_path / "key")
    with (
        started(database, tmp_path, "serve", "--port", str(port), **holds) as api,
        ProcessPoolExecutor(WRITERS, get_context("spawn")) as pool,
    ):
        wait_for(lambda: _is_alive(url), "the API", lambda: words(tmp_path))
        assert api.poll() is None
        writers = [pool.submit(write, database.dsn, number, changes // WRITERS) for number in range(WRITERS)]
        chance = random.Random(changes)  # noqa: S311 - a test
        for number in range(kills):
            with started(database, tmp_path, "replica", "follow", *replica) as follower:
                goal = int(changes * (number + chance.random()) / kills)
                # While it catches up, and every other time while it proves, or follows what comes.
                wait_until_at(copy, goal, follower, PATIENCE, "proved_edition" if number % 2 else "edition")
                kill(follower)
        for writer in writers:
            writer.result(PATIENCE * 10)
        reader = database.connect(autocommit=True)
        _is_the_directory(reader, copy, lambda *more: _verified(database, tmp_path, *replica, *more))


def _is_the_directory(
    reader: psycopg.Connection[Any], copy: Path, verified: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    """Proved by the command, and compared row by row; then a row is taken away, located, and put back."""
    code, said = verified()
    assert (code, said["equal"], said["wrong"]) == (0, True, [])
    whole = reckon_whole(reader)
    assert (said["edition"], said["root"]) == (whole.edition, whole.digest.root)
    published = set(reader.execute("SELECT kind, key, fingerprint FROM publication").fetchall())
    assert rows_of(copy) == published
    kind, key, _ = sorted(published)[len(published) // 2]
    with sqlite3.connect(copy) as connection:
        connection.execute("DELETE FROM annuaire_resource WHERE kind = ? AND key = ?", (kind, key))
    code, said = verified()
    assert (code, said["equal"], said["wrong"]) == (1, False, [{"kind": kind, "key": key}])
    assert said["calls"] <= MOST_CALLS
    code, said = verified("--repair")
    assert (code, said["equal"], said["wrong"]) == (1, True, [{"kind": kind, "key": key}])
    assert said["calls"] <= MOST_CALLS
    assert rows_of(copy) == published
    assert verified()[0] == 0


def _verified(database: Database, folder: Path, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    (folder / "verify").mkdir(exist_ok=True)
    code = done(database, folder / "verify", "replica", "verify", *arguments, "--json")
    return code, last_object(words(folder / "verify"))


def _is_alive(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:  # noqa: S310 - our own server
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False

"""`annuaire replica …` as an operator types it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.publication.digest import root
from app.settings import Settings
from app.signing import signing_of
from tests.members.conftest import command
from tests.replica.test_follower import several

__all__ = ["command"]
Connection = psycopg.Connection[Any]
Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def replica(command: Run, served: str, key: str, tmp_path: Path) -> Run:
    """Run a command of `annuaire replica` against the directory that is served, with a copy in SQLite."""
    (tmp_path / "read.key").write_text(key + "\n", "ascii")
    place = ("--to", "sqlite", "--at", str(tmp_path / "copy.db"), "--key-file", str(tmp_path / "read.key"))

    def run(name: str, *arguments: str) -> tuple[int, Any]:
        return command("replica", name, *place, "--url", served, *arguments)

    return run


def test_a_copy_is_followed_once_and_verified(replica: Run, registry: Connection) -> None:
    edition = several(registry, 4)
    code, said = replica("follow", "--once")
    assert code == 0
    assert (said["edition"], said["root"]) == (edition, root(registry).root)
    assert (said["equal"], said["begun_anew"], said["wrong"]) == (True, True, [])
    code, again = replica("verify")
    assert (code, again["edition"], again["begun_anew"]) == (0, edition, False)
    several(registry, 1, "n")
    code, said = replica("follow", "--once")
    assert (code, said["edition"], said["wrong"]) == (0, edition + 1, [])


def test_the_keys_that_were_given_are_the_only_ones(replica: Run, signing: Settings, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(signing_of(signing).public_keys()), "utf-8")
    assert replica("follow", "--once", "--keys", str(keys))[0] == 0
    for text, code in (('{"keys": []}', "replica.checkpoint"), ("[]", "replica.keys"), ("{", "replica.keys")):
        keys.write_text(text, "utf-8")
        exit_code, said = replica("verify", "--keys", str(keys))
        assert (exit_code, said["error"]["code"]) == (2, code)


def test_what_cannot_be_meant_is_refused(command: Run, tmp_path: Path, key: str) -> None:
    (tmp_path / "read.key").write_text(key, "ascii")
    copy = ("--to", "sqlite", "--at", str(tmp_path / "copy.db"))
    credential = ("--key-file", str(tmp_path / "read.key"))
    url = ("--url", "http://127.0.0.1:9")
    for arguments in (
        (*copy, *credential),
        (*copy, *url),
        (*copy, *url, "--data-dir", str(tmp_path), *credential),
        (*copy, *url, "--private-key", str(tmp_path / "read.key")),
        ("--to", "paper", "--at", "x", *url, *credential),
    ):
        assert command("replica", "verify", *arguments)[0] == 64
    nowhere = ("--to", "sqlite", "--at", str(tmp_path / "nowhere" / "copy.db"))
    code, said = command("replica", "verify", *nowhere, *url, *credential)
    assert (code, said["error"]["code"]) == (2, "replica.copy")
    database = ("--to", "postgres", "--at", "postgresql://127.0.0.1:9/none")
    code, said = command("replica", "verify", *database, *url, *credential)
    assert (code, said["error"]["code"]) == (2, "replica.copy")

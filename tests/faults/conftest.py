"""A directory of two days, and what it is when nothing went wrong."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from app.embedded import Postgres
from app.imports.guards import NAMES
from app.imports.options import Options
from app.imports.pipeline import import_files
from app.sandbox.generate import generate
from app.settings import Settings
from tests.faults.commands import words
from tests.faults.report import Tell, Tried
from tests.faults.world import broken_in, nothing_waits
from tests.harness.database import TEMPLATE, Database, cloned
from tests.imports import state
from tests.imports.files import edited, written

LOADED = "template_loaded"
ACCEPTED = tuple(argument for name in NAMES for argument in ("--accept-guard", name))


@dataclass(frozen=True)
class Days:
    """The files of two days (the second day's mailboxes hold one bad line), and the state after each of them."""

    first: tuple[Path, ...]
    second: tuple[Path, ...]
    after_first: tuple[state.Content, str]
    after_second: tuple[state.Content, str]


def settings_of(dsn: str) -> Settings:
    return Settings(_env_file=None, database_url=dsn, ldap_enabled=False)


def load(dsn: str, folder: Path, files: tuple[Path, ...]) -> tuple[state.Content, str]:
    """Import these files, undisturbed, and look."""
    reports = import_files(settings_of(dsn), files, Options(folder, frozenset(NAMES)))
    assert {report.state for report in reports} == {"applied"}
    with psycopg.connect(dsn, autocommit=True) as connection:
        return state.said(connection)


def files_of(folder: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """(first day, second day)."""
    first = generate(60, 9, folder / "first")
    second = generate(60, 9, folder / "second", next_day=True)
    mailboxes = edited(second.mailboxes.path, folder)
    bad = written(folder, "mailboxes.txt", mailboxes.read_bytes() + b"short|line\n")
    return tuple(file.path for file in first.files), (second.activity.path, bad)


@pytest.fixture(scope="session")
def days(migrated: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Days:
    """The days, and a template database that holds the first."""
    folder = tmp_path_factory.mktemp("days")
    first, second = files_of(folder)
    make_loaded(migrated)
    after_first = load(migrated.dsn(LOADED), folder, first)
    with cloned(migrated, LOADED) as database:
        after_second = load(database.dsn, folder, second)
    assert after_first[1] != after_second[1]
    return Days(first, second, after_first, after_second)


def make_loaded(cluster: Postgres) -> None:
    """The database that the first day is loaded into."""
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(LOADED), sql.Identifier(TEMPLATE))
        )


@pytest.fixture
def loaded(migrated: Postgres, days: Days) -> Iterator[Database]:
    """The first day of a directory, in a database of this test's own."""
    del days
    with cloned(migrated, LOADED) as database:
        yield database


def tell_of(tell: Tell, fault: str, what: str, database: Database, folder: Path, since: float) -> None:
    """Hold the world of this database against the invariants, and tell what became of one try; it recovered by now.

    `since`: when what was killed began again.
    """
    recovery = time.monotonic() - since
    broken = broken_in(settings_of(database.dsn), words(folder))
    tell(Tried(fault, what, 1, 0, len(broken), recovery))
    assert broken == []


def imports(files: tuple[Path, ...], folder: Path) -> tuple[str | Path, ...]:
    """The command that imports these files whatever the guards say."""
    return ("import", "run", *files, "--rejects", folder, *ACCEPTED)


def assert_undisturbed(database: Database, expected: tuple[state.Content, str]) -> None:
    """The registry, the publication and what lies beside them are as if nothing had happened."""
    connection: psycopg.Connection[Any] = database.connect(autocommit=True)
    content, digest = state.said(connection)
    assert state.differences(expected[0], content) == {}
    assert digest == expected[1]
    nothing_waits(connection)
    connection.close()

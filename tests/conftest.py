"""Fixtures for every test. Strategy: pure (tables of cases) ≫ database > edge (routes, commands) > journeys (≤ 10).

Engines start when the first test asks for one, so that pure tests need neither. Nothing of ours is replaced by a mock.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from app.embedded import Postgres, Slapd, binaries, free_port
from app.settings import CREDENTIALS, PREFIX, Settings
from tests.harness.database import Database, cloned, make_template
from tests.harness.directory import directory

# The table that tests of faults fill, at the end of the run.
pytest_plugins = ["tests.faults.report"]

# No test judges by the clock: the machine is shared with whatever else runs on it.
hypothesis_settings.register_profile("annuaire", deadline=None)
hypothesis_settings.load_profile("annuaire")


SLAPD_ROOT = "ANNUAIRE_SLAPD_ROOT"
# Of a module each, and seconds to make.
COSTLY = frozenset({"asked", "built", "filled", "running"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share what is costly to make stay in one process, where each of several would make its own."""
    for item in items:
        if isinstance(item, pytest.Function) and COSTLY.intersection(item.fixturenames):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))


@pytest.fixture(scope="session", autouse=True)
def _own_settings() -> None:
    """The settings of the developer's shell must not decide a test; where PostgreSQL and slapd lie may."""
    ours = [name for name in os.environ if name == CREDENTIALS or name.startswith(PREFIX)]
    for name in [name for name in ours if name not in {"ANNUAIRE_PG_BIN", SLAPD_ROOT}]:
        del os.environ[name]
    binaries.ROOT = Path(os.environ.get(SLAPD_ROOT, "/"))


@pytest.fixture(scope="session")
def engines_dir() -> Iterator[Path]:
    """A short directory that the engines' account may enter; removed after the run."""
    with directory() as path:
        yield path


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """The same for one test: `tmp_path` of root is closed to the engines' account."""
    with directory() as path:
        yield path


@pytest.fixture(scope="session")
def postgres(engines_dir: Path) -> Iterator[Postgres]:
    """The PostgreSQL of this test process."""
    chosen = os.environ.get("ANNUAIRE_PG_BIN")
    with Postgres(engines_dir, fast=True, bin_dir=Path(chosen) if chosen else None) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> Postgres:
    """The same, with the template that `database` clones."""
    make_template(postgres)
    return postgres


@pytest.fixture
def database(migrated: Postgres) -> Iterator[Database]:
    """An empty, migrated database of this test's own: it may commit, and open as many connections as it likes."""
    with cloned(migrated) as clone:
        yield clone


@pytest.fixture(scope="session")
def _slapd(engines_dir: Path) -> Iterator[Slapd]:
    with Slapd(engines_dir, port=free_port()) as server:
        yield server


@pytest.fixture
def slapd(_slapd: Slapd) -> Slapd:
    """A running slapd without any entry, not even the suffix."""
    _slapd.empty()
    return _slapd


@pytest.fixture
def settings(database: Database) -> Settings:
    """Settings of this test's database, with LDAP switched off."""
    return _settings(database, ldap_enabled=False)


@pytest.fixture
def ldap_settings(database: Database, slapd: Slapd) -> Settings:
    """Settings of this test's database and of its slapd, as the exporter uses them."""
    return _settings(database, ldap_enabled=True, ldap_uri=slapd.ldapi_uri)


def _settings(database: Database, *, ldap_enabled: bool, ldap_uri: str = "ldapi:///nowhere") -> Settings:
    return Settings(
        _env_file=None,
        database_url=database.dsn,
        key_pepper="pepper-of-the-tests",
        ldap_enabled=ldap_enabled,
        ldap_uri=ldap_uri,
        # A worker of a test makes no files unasked.
        snapshot_hours=0,
    )

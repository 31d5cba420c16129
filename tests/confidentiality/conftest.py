"""Copies of one world, each asked the same; one of them holds a canary, put there by its operator over REST."""

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client import generate_latest

from app.embedded import Postgres, Slapd
from app.ldap.sync import sync_once
from app.settings import Settings
from tests.confidentiality import ldap, world
from tests.confidentiality.owner import publish_canary
from tests.confidentiality.play import MEASURED, Play
from tests.confidentiality.questions import Question, questions
from tests.confidentiality.world import Canary
from tests.harness.asgi import Answer, serving
from tests.harness.database import Database, cloned

QUESTIONS, FILTERS, SEED = 2_000, 250, 20_261_128
# What channels read, without instants.
TABLES: Mapping[str, str] = {
    "directory": "edition, epoch",
    "publication": "kind, key, fingerprint, sequence",
    "change": "sequence, kind, key, operation",
    "alias": "kind, alias, key",
    "withdrawn": "address, successor, reason",
    "mailbox_search": "*",
    "practitioner_search": "*",
    "organization_search": "*",
    "pending": "kind, key",
    "transfer": "id, scope, key, new_address, from_operator, to_operator, state, detail",
}


@dataclass(frozen=True)
class World:
    """The world to copy, the keys of its callers, and the instant at which it was whole."""

    template: str
    keys: Mapping[str, str]
    begun: datetime


@dataclass(frozen=True)
class Seen:
    """All that outsiders saw of one directory, and what it wrote to its logs meanwhile."""

    answers: list[Answer]
    raw: list[Answer]
    trees: tuple[str, str]
    tables: Mapping[str, list[tuple[Any, ...]]]
    metrics: str
    log: str


@pytest.fixture(scope="session")
def asked() -> list[Question]:
    return questions(QUESTIONS, SEED)


@pytest.fixture(scope="session")
def copied(migrated: Postgres) -> Iterator[World]:
    with cloned(migrated) as database:
        with psycopg.connect(database.dsn) as connection:
            keys = world.build(connection, settings_of(database, "ldapi:///none").key_pepper)
        yield World(database.name, keys, datetime.now(UTC))


@pytest.fixture(scope="session")
def look(
    migrated: Postgres, copied: World, _slapd: Slapd, asked: list[Question], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Canary | None], Seen]:
    """Ask a fresh copy of the world, with a canary or without; what is found is remembered."""
    found: dict[str | None, Seen] = {}

    def looked(canary: Canary | None) -> Seen:
        address = canary.address if canary else None
        while address not in found:
            with cloned(migrated, copied.template) as database:
                day, folder = _today(database), tmp_path_factory.mktemp("filters")
                seen = _look(database, copied, canary, _slapd, asked, folder)
                # At midnight budgets begin anew: what was asked before and after is no comparison.
                if _today(database) == day:
                    found[address] = seen
        return found[address]

    return looked


def _look(
    database: Database, copied: World, canary: Canary | None, slapd: Slapd, asked: list[Question], folder: Path
) -> Seen:
    settings = settings_of(database, slapd.ldapi_uri)
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        if canary:
            publish_canary(settings, copied.keys["owner"], canary)
        with psycopg.connect(database.dsn) as connection:
            world.stir(connection)
        slapd.empty()
        settings = settings.model_copy(update={"ldap_uri": slapd.ldapi_uri})
        sync_once(settings)
        before = ldap.answers(slapd, ldap.filters(FILTERS, SEED), folder)
        with serving(settings) as served:
            play = Play(served.apps[0], copied.keys, copied.begun)
            answers = served.run(play.all(asked))
        metrics = MEASURED.sub(b"", generate_latest(served.apps[0].state.metrics.registry)).decode()
        sync_once(settings)
        after = ldap.answers(slapd, ldap.filters(FILTERS, SEED), folder)
    return Seen(answers, play.raw, (before, after), _tables(database), metrics, said.getvalue())


def _today(database: Database) -> Any:
    with psycopg.connect(database.dsn) as connection:
        return connection.execute("SELECT french_today()").fetchone()


def _tables(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with psycopg.connect(database.dsn) as connection:
        return {
            table: sorted(connection.execute(f"SELECT {columns} FROM {table}".encode()).fetchall(), key=repr)
            for table, columns in TABLES.items()
        }


def settings_of(database: Database, ldap_uri: str) -> Settings:
    """The API of a copy: keys publish, and anonymous callers soon come to the end of their budget."""
    return Settings(
        _env_file=None,
        database_url=database.dsn,
        key_pepper="pepper-of-the-tests",
        ldap_uri=ldap_uri,
        database_pool=2,
        statement_timeout_ms=60_000,
        log_level="debug",
        publish_with_key=True,
        anonymous_budget=40,
        anonymous_rate=0,
        key_rate=0,
        failed_rate=0,
    )

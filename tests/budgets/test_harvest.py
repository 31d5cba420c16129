"""The simulation of tests/bench/harvest.py on a small directory: who is stopped, and who never is."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.embedded import Slapd
from app.ldap.rebuild import load_into
from app.main import create_app
from app.sandbox.generate import generate
from app.settings import Settings
from tests.bench.harvest import beginnings, book, size
from tests.bench.importing import run_import
from tests.harness.harvest import LOOK_UPS, PEAK, Ask, a_day, walk_rest
from tests.harness.harvest_ldap import walk_ldap

Connection = psycopg.Connection[Any]
KeyFor = Callable[..., dict[str, str]]
PROFESSIONALS, SHARE, USERS = 2_000, 0.01, 5


@pytest.fixture
def filled(registry: Connection, settings: Settings, tmp_path: Path) -> Connection:
    """A generated directory, imported as a user imports it."""
    files = [file.path for file in generate(PROFESSIONALS, 1, tmp_path).files]
    own = {"ANNUAIRE_DATABASE_URL": settings.database_url, "ANNUAIRE_LOG_LEVEL": "error"}
    run_import(files, {**os.environ, **own})
    return registry


@pytest.fixture
def api(api_settings: Settings) -> Iterator[TestClient]:
    """The API with a budget that is to this directory what the default is to one of 20 000 professionals."""
    budget = Settings(_env_file=None).anonymous_budget * PROFESSIONALS // 20_000
    app = create_app(api_settings.model_copy(update={"anonymous_budget": budget}))
    with TestClient(app) as client:
        yield client


def asking(client: TestClient, headers: dict[str, str] | None = None) -> Ask:
    def ask(path: str) -> tuple[int, dict[str, Any]]:
        answer = client.get(path, headers=headers)
        return answer.status_code, answer.json()

    return ask


@pytest.mark.slow
def test_an_enumerator_is_stopped_before_a_hundredth_and_honest_users_never(
    api: TestClient, filled: Connection, reader: dict[str, str], key_for: KeyFor
) -> None:
    of = size(filled)
    prefixes = beginnings(filled)
    stopped = walk_rest(asking(api), prefixes, patience=20)
    assert 0 < len(stopped.persons) < SHARE * of.persons
    assert stopped.refused >= 20
    free = walk_rest(asking(api, reader), prefixes, patience=1, filters="")
    assert len(free.persons) > 0.95 * of.persons, "but for names as short as DE X, the walk finds all"

    people, chance = book(filled), random.Random(1)  # noqa: S311 - a simulation
    default = Settings(_env_file=None).anonymous_budget
    alone = [a_day(asking(api, key_for("read", budget=default)), people, chance) for _ in range(USERS)]
    shared = asking(api, key_for("read", budget=USERS * default))
    together = [a_day(shared, people, chance) for _ in range(USERS)]
    assert {(day.answered, day.refused) for day in alone + together} == {(LOOK_UPS * PEAK, 0)}


@pytest.mark.slow
@pytest.mark.usefixtures("filled")
def test_over_ldap_one_search_shows_no_more_than_the_size_limit_and_nothing_stops_the_next(
    slapd: Slapd, ldap_settings: Settings, registry: Connection
) -> None:
    """What docs/budgets.md says of LDAP: without a front, an enumerator gets it all."""
    slapd.stop()
    load_into(slapd, ldap_settings)
    slapd.start()
    walked = walk_ldap(slapd.uri, slapd.suffix)
    assert len(walked.addresses) > 0.98 * size(registry).mailboxes
    assert walked.entries <= 50 * walked.searches

"""An operator reads its own notices, each once, whatever is committed in which order meanwhile."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.duties.catalogue import DUTIES
from app.duties.loop import do_due
from app.notices.reading import notices, prune
from app.settings import Settings
from tests.audit.conftest import Run
from tests.builders import OPERATOR, an_operator
from tests.harness.database import Database

Connection = psycopg.Connection[Any]
Headers = Callable[..., dict[str, str]]
OTHER = "1990000028"


def tell(connection: Connection, key: str, operator: str = OPERATOR, *, days_ago: int = 0) -> None:
    connection.execute(
        "INSERT INTO notice (operator, code, kind, key, detail, at)"
        " VALUES (%s, 'domain.removed', 'domain', %s, '{\"edition\": 7}', now() - make_interval(days => %s))",
        (operator, key, days_ago),
    )


@pytest.fixture
def told(registry: Connection) -> Connection:
    """Two operators, the first of which is told of three domains, the second of one."""
    for operator in (OPERATOR, OTHER):
        an_operator(registry, operator, domains=())
    for key in "abc":
        tell(registry, key)
    tell(registry, "d", OTHER)
    registry.commit()
    return registry


def test_an_operator_reads_its_own_notices_and_no_others(
    told: Connection, client: TestClient, key_for: Headers
) -> None:
    headers = key_for("publish", operator=OPERATOR)
    first = client.get("/v1/me/notices?limit=2", headers=headers).json()
    assert [(item["number"], item["key"]) for item in first["items"]] == [(1, "a"), (2, "b")]
    assert first["items"][0].keys() == {"number", "at", "code", "kind", "key", "detail"}
    assert first["items"][0]["detail"] == {"edition": 7}
    second = client.get(f"/v1/me/notices?after={first['next']}", headers=headers).json()
    assert [item["key"] for item in second["items"]] == ["c"]
    assert client.get(f"/v1/me/notices?after={second['next']}", headers=headers).json() == {"items": [], "next": 3}
    tell(told, "e")
    told.commit()
    assert [item["key"] for item in client.get("/v1/me/notices?after=3", headers=headers).json()["items"]] == ["e"]
    others = client.get("/v1/me/notices", headers=key_for("read", operator=OTHER)).json()
    assert [(item["number"], item["key"]) for item in others["items"]] == [(1, "d")]


def test_a_caller_that_acts_for_no_operator_has_none(client: TestClient, key_for: Headers) -> None:
    assert client.get("/v1/me/notices").status_code == 401
    answer = client.get("/v1/me/notices", headers=key_for("admin"))
    assert (answer.status_code, answer.json()["code"]) == (403, "operator.missing")


@pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=0", "limit=201", "since=1", "after=1&after=2"])
def test_another_question_is_refused(told: Connection, client: TestClient, key_for: Headers, query: str) -> None:
    assert told
    answer = client.get(f"/v1/me/notices?{query}", headers=key_for("read", operator=OPERATOR))
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")


def test_what_is_committed_late_is_not_missed(told: Connection, database: Database) -> None:
    """The slow writer tells first and commits last: whoever went on from the quick one's notice still learns of it."""
    slow, quick = database.connect(), database.connect()
    tell(slow, "slow")
    tell(quick, "quick")
    quick.commit()
    before = notices(told, OPERATOR, 0, 50)
    assert [each["key"] for each in before] == ["a", "b", "c", "quick"]
    slow.commit()
    assert [each["key"] for each in notices(told, OPERATOR, before[-1]["number"], 50)] == ["slow"]


def test_readers_at_once_number_nothing_twice(told: Connection, database: Database) -> None:
    together = threading.Barrier(4)
    seen: list[list[int]] = []

    def read() -> None:
        with psycopg.connect(database.dsn) as connection:
            together.wait()
            for _ in range(10):
                tell(connection, "more")
                connection.commit()
                notices(connection, OPERATOR, 0, 200)
            seen.append([each["number"] for each in notices(connection, OPERATOR, 0, 200)])

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 4
    assert [each["number"] for each in notices(told, OPERATOR, 0, 200)] == list(range(1, 44))


@pytest.mark.usefixtures("told")
def test_a_command_shows_them_too(annuaire: Run) -> None:
    code, found = annuaire("notice", "list", "--operator", OPERATOR, "--after", "1")
    assert (code, [(each["number"], each["key"]) for each in found]) == (0, [(2, "b"), (3, "c")])
    assert annuaire("notice", "list", "--operator", "nobody") == (0, [])


def test_old_notices_are_forgotten_but_numbers_go_on(database: Database, settings: Settings) -> None:
    connection = database.connect(autocommit=True)
    an_operator(connection, domains=())
    for key in "abc":
        tell(connection, key, days_ago=400)
    do_due(connection, settings, DUTIES, threading.Event())
    assert [each["key"] for each in notices(connection, OPERATOR, 0, 50)] == ["c"]
    tell(connection, "d")
    assert [(each["number"], each["key"]) for each in notices(connection, OPERATOR, 3, 50)] == [(4, "d")]
    prune(connection, settings, datetime.now(UTC) + timedelta(days=800))
    assert [each["key"] for each in notices(connection, OPERATOR, 0, 50)] == ["d"]

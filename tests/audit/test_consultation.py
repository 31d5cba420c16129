"""The consultation log tells who was shown how much, never whom, and no read waits for it or fails with it."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from app.access import consultation
from app.access.caller import Identity
from app.access.consultation import Consultations
from app.access.consultation_keeping import AT_ONCE, prune
from app.duties.catalogue import DUTIES
from app.duties.loop import do_due
from app.main import create_app
from app.settings import Settings
from tests.audit.acts import Connection
from tests.audit.conftest import Run
from tests.builders import DOMAIN, RPPS, a_small_directory
from tests.harness.database import Database

Headers = Callable[..., dict[str, str]]
ADDRESS = f"anne.exemple@{DOMAIN}"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is noted is written at once, tried again at once, and waits for no lock."""
    monkeypatch.setattr(consultation, "WRITE_SECONDS", 0.01)
    monkeypatch.setattr(consultation, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(consultation, "PARAMETERS", {"lock_timeout": 20})


@pytest.fixture
def directory(registry: Connection) -> Connection:
    a_small_directory(registry)
    return registry


def logged(registry: Connection) -> list[Any]:
    registry.rollback()
    rows = registry.execute("SELECT caller, route, status, shown, request_id FROM consultation ORDER BY id").fetchall()
    registry.rollback()
    return rows


def counted(client: TestClient, outcome: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    name = f'annuaire_consultations_total{{outcome="{outcome}"}} '
    return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))


def until(is_so: Callable[[], bool]) -> None:
    """Ask again until it is so; the whole run has a limit."""
    pause = threading.Event()
    while not is_so():
        pause.wait(0.01)


def test_each_read_of_the_directory_is_noted_with_what_it_showed(
    api_settings: Settings, directory: Connection, key_for: Headers
) -> None:
    reader = key_for("read")
    with TestClient(create_app(api_settings)) as client:
        key = f"key:{client.get('/v1/me', headers=reader).json()['id']}"
        asked: list[Any] = [
            (client.get(f"/v1/mailboxes/{ADDRESS}", headers={"X-Request-ID": "mine"}), "anonymous", 1),
            (client.get(f"/v1/practitioners/{RPPS}", headers=reader), key, 1),
            (client.get("/v1/practitioners?family=exemple&limit=1", headers=reader), key, 1),
            (client.get("/v1/mailboxes", headers=reader), key, 1),
            (client.get("/v1/search?q=exemple", headers=reader), key, 2),
            (client.post("/v1/mailboxes/lookup", json={"addresses": [ADDRESS, "no@body.fr"]}, headers=reader), key, 1),
            (client.post("/v1/mailboxes/check", json={"addresses": [ADDRESS, "no@body.fr"]}, headers=reader), key, 1),
            (
                client.post("/v1/resolve", json={"practitioner": RPPS, "document": "letter"}, headers=reader),
                *(key, 2),
            ),
            (client.get("/v1/changes", headers=reader), key, 3),
            (client.get("/v1/mailboxes/nobody@ch-exemple.mssante.fr", headers=reader), key, 0),
            (client.get("/v1/digest", headers=reader), key, 0),
        ]
    rows = logged(directory)
    assert [(caller, shown) for caller, _, _, shown, _ in rows] == [(caller, shown) for _, caller, shown in asked]
    assert [status for _, _, status, _, _ in rows] == [answer.status_code for answer, _, _ in asked]
    assert [request for *_, request in rows] == [answer.headers["x-request-id"] for answer, _, _ in asked]
    assert rows[0][1:3] == ("/v1/mailboxes/{address}", 200)
    assert rows[0][4] == "mine"


def test_nothing_of_the_question_is_kept(api_settings: Settings, directory: Connection) -> None:
    with TestClient(create_app(api_settings)) as client:
        client.get(f"/v1/mailboxes/{ADDRESS}")
        client.get("/v1/practitioners?family=exemple&given=anne-elise")
    rows = str(directory.execute("SELECT c::text FROM consultation c").fetchall()).lower()
    assert "/v1/practitioners" in rows
    assert [word for word in ("anne", "exemple", RPPS) if word in rows] == []


def test_what_is_no_read_of_the_directory_is_not_noted(
    api_settings: Settings, directory: Connection, key_for: Headers
) -> None:
    headers = key_for("audit", "admin")
    with TestClient(create_app(api_settings)) as client:
        for path in ("/healthz", "/v1/edition", "/v1/me", "/v1/audit", "/v1/imports", "/nothing"):
            client.get(path, headers=headers)
        assert client.get("/v1/mailboxes", headers={"Authorization": "Bearer x"}).status_code == 401
    assert logged(directory) == []


def test_days_of_zero_log_nothing(api_settings: Settings, directory: Connection) -> None:
    with TestClient(create_app(api_settings.model_copy(update={"consultation_days": 0}))) as client:
        assert client.get(f"/v1/mailboxes/{ADDRESS}").status_code == 200
    assert logged(directory) == []


def test_a_log_that_cannot_be_written_is_counted_and_no_read_fails(
    api_settings: Settings, directory: Connection
) -> None:
    directory.execute("DROP TABLE consultation")
    directory.commit()
    with TestClient(create_app(api_settings)) as client:
        for _ in range(3):
            assert client.get(f"/v1/mailboxes/{ADDRESS}").status_code == 200
        until(lambda: counted(client, "dropped") == 3)
        assert counted(client, "written") == 0


def test_a_log_that_must_wait_is_written_later_and_no_read_waits(
    api_settings: Settings, directory: Connection, database: Database
) -> None:
    locking = database.connect()
    locking.execute("LOCK TABLE consultation")
    with TestClient(create_app(api_settings)) as client:
        for _ in range(3):
            assert client.get(f"/v1/mailboxes/{ADDRESS}").status_code == 200
        assert counted(client, "written") == 0
        locking.rollback()
        until(lambda: counted(client, "written") == 3)
        assert counted(client, "dropped") == 0
    assert len(logged(directory)) == 3


def test_a_connection_that_was_cut_loses_nothing(api_settings: Settings, directory: Connection) -> None:
    with TestClient(create_app(api_settings)) as client:
        client.get(f"/v1/mailboxes/{ADDRESS}")
        until(lambda: counted(client, "written") == 1)
        directory.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'annuaire-consultations'"
            " AND datname = current_database()"
        )
        client.get(f"/v1/mailboxes/{ADDRESS}")
        until(lambda: counted(client, "written") == 2)
    assert len(logged(directory)) == 2


def test_the_queue_has_an_end(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody writes here: what does not fit is counted."""
    monkeypatch.setattr(consultation, "MOST_WAITING", 5)
    registry = CollectorRegistry()
    log = Consultations(settings, registry)
    for number in range(8):
        log.note({"type": "http", "request_id": str(number), "state": {"shown": 1, "caller": Identity()}}, 200)
    assert registry.get_sample_value("annuaire_consultations_total", {"outcome": "dropped"}) == 3
    assert len(log._queue) == 5


def test_what_waits_at_the_end_of_a_lost_database_is_counted(settings: Settings) -> None:
    registry = CollectorRegistry()
    lost = settings.model_copy(update={"database_url": "postgresql://127.0.0.1:9/nowhere"})

    async def serve() -> None:
        log = Consultations(lost, registry)
        async with log.kept():
            for number in range(4):
                log.note({"type": "http", "request_id": str(number), "state": {"shown": 1, "caller": Identity()}}, 200)

    asyncio.run(serve())
    assert registry.get_sample_value("annuaire_consultations_total", {"outcome": "dropped"}) == 4


def test_old_consultations_are_forgotten_and_no_others(database: Database, settings: Settings) -> None:
    connection = database.connect(autocommit=True)
    now = datetime.now(UTC)
    statement = (
        "INSERT INTO consultation (at, caller, route, status, shown, request_id)"
        " SELECT %s::timestamptz, %s, '/v1/mailboxes', 200, 1, n::text FROM generate_series(1, %s) n"
    )
    limit = now - timedelta(days=settings.consultation_days)
    connection.execute(statement, (limit - timedelta(seconds=1), "old", 2 * AT_ONCE + 5))
    connection.execute(statement, (limit + timedelta(seconds=1), "young", AT_ONCE))
    prune(connection, settings, now)
    rows = connection.execute("SELECT caller, count(*) FROM consultation GROUP BY caller").fetchall()
    assert rows == [("young", AT_ONCE)]
    prune(connection, settings.model_copy(update={"consultation_days": 0}), now + timedelta(days=1))
    assert connection.execute("SELECT count(*) FROM consultation").fetchone() == (0,)


def test_the_worker_forgets_daily(database: Database, settings: Settings) -> None:
    connection = database.connect(autocommit=True)
    connection.execute("INSERT INTO consultation VALUES (DEFAULT, '2020-01-01', 'old', '/', 200, 1, 'r')")
    do_due(connection, settings, DUTIES, threading.Event())
    assert connection.execute("SELECT count(*) FROM consultation").fetchone() == (0,)


def test_the_log_is_listed_newest_first(registry: Connection, annuaire: Run) -> None:
    for caller in ("key:a", "anonymous", "key:a"):
        registry.execute(
            "INSERT INTO consultation VALUES (DEFAULT, now(), %s, '/v1/mailboxes', 200, 7, 'r')", (caller,)
        )
    registry.commit()
    code, found = annuaire("audit", "consultations", "--caller", "key:a")
    assert (code, [each["id"] for each in found]) == (0, [3, 1])
    assert [each["id"] for each in annuaire("audit", "consultations", "--before", "3", "--limit", "1")[1]] == [2]
    assert found[0]["shown"] == 7

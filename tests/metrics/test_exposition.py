"""What /metrics shows, what it never shows, and that it answers whatever is wrong."""

from typing import Any

import psycopg
from starlette.testclient import TestClient

from app.access.keys import issue
from app.imports.sources.catalogue import SOURCES
from app.main import create_app
from app.metrics import database as postgres
from app.metrics import imports
from app.settings import Settings
from tests.builders import a_small_directory
from tests.harness.database import Database
from tests.metrics.samples import scraped

Connection = psycopg.Connection[Any]
CANARY = "canari"
NUMBERS = {str(status) for status in range(200, 600)}
# Every word that a label may be, beside routes, statuses and bounds of buckets.
WORDS = {
    *("GET", "POST", "PUT", "PATCH", "DELETE", "other", "unknown", "written", "dropped", "anonymous", "key"),
    *("publication", "ldap", "digest", "snapshot", "push", "active", "idle", "failing", "disabled"),
    *("read", "look_up", "write", "session", "budget", "spool", "snapshots", "certificate"),
    *("served", "white_list", "client_authority", "ldap_client_authority", "client_list", "ldap_client_list"),
    *(source.name for source in SOURCES),
    *(*imports.STATES, *imports.STAGES, *imports.PHASES, "accepted", "rejected", "blank"),
}


def test_no_label_says_more_than_the_words_of_this_list(api_settings: Settings, registry: Connection) -> None:
    """Canaries stand wherever a name, an address, an id or a key could slip into a label."""
    a_small_directory(registry)
    _plant(registry, api_settings)
    with TestClient(create_app(api_settings), raise_server_exceptions=False) as client:
        for path in (f"/v1/mailboxes/{CANARY}@{CANARY}.mssante.fr", f"/v1/practitioners?name={CANARY}", f"/{CANARY}"):
            client.get(path, headers={"X-Request-ID": CANARY})
        client.request(CANARY.upper(), f"/v1/search?q={CANARY}")
        text = client.get("/metrics").text
        exposed = scraped(client)
        routes = {getattr(route, "path_format", "") for route in client.app.routes}  # type: ignore[attr-defined]
    assert CANARY not in text.lower()
    said = {
        value
        for metric in exposed.metrics
        for sample in metric.samples
        for label, value in sample.labels.items()
        if label != "le"
    }
    assert said - WORDS - routes - NUMBERS == set()
    assert {"personne_activite", "/v1/mailboxes/{address}", "anonymous"} <= said


def _plant(registry: Connection, settings: Settings) -> None:
    issue(registry, settings.key_pepper, CANARY, ("read",), None, budget=3)
    for name, state in ((f"{CANARY}-1", "applied"), (f"{CANARY}-2", "failed")):
        registry.execute(
            "INSERT INTO import_run (id, source, file_name, file_sha256, state, planned_by, stages, finished_at, phase)"
            " VALUES (%s, 'personne_activite', %s, %s, %s, %s, %s, CASE WHEN %s = 'applied' THEN now() END, %s)",
            (name, CANARY, CANARY, state, CANARY, f'{{"read": 2, "{CANARY}": 1}}', state, CANARY),
        )
    registry.execute(
        "INSERT INTO disclosure_day VALUES (current_date, %s, 2), (current_date, %s, 2)", (CANARY, "key:1")
    )
    registry.execute("INSERT INTO operator (id, name) VALUES (%s, %s)", (CANARY, CANARY))
    registry.execute("INSERT INTO operator_certificate (dn, operator, listed_as) VALUES (%s, %s, %s)", (CANARY,) * 3)
    registry.execute("INSERT INTO client_certificate VALUES (%s, %s, now() + interval '9 days', now())", (b"c", CANARY))
    registry.execute("INSERT INTO duty (name, failed_at, failure) VALUES (%s, now(), %s)", (CANARY, CANARY))
    registry.commit()


def test_a_database_that_does_not_answer_is_told_and_the_rest_still_shown(api_settings: Settings) -> None:
    gone = api_settings.model_copy(update={"database_url": "postgresql:///annuaire?host=/nonexistent"})
    with TestClient(create_app(gone), raise_server_exceptions=False) as client:
        client.get("/healthz")
        exposed = scraped(client)
    assert exposed.value("annuaire_database_up") == 0
    assert exposed.value("annuaire_http_requests_total", method="GET", route="/healthz", status="200") == 1
    assert exposed.value("annuaire_pool_limit", pool="read") == 2
    assert not any(name.startswith("annuaire_edition") for name in exposed.names)


def test_another_schema_is_told(client: TestClient, registry: Connection) -> None:
    assert scraped(client).value("annuaire_schema_current") == 1
    registry.execute("UPDATE alembic_version SET version_num = 'old'")
    registry.commit()
    assert scraped(client).value("annuaire_schema_current") == 0
    registry.execute("DROP TABLE duty")
    registry.commit()
    exposed = scraped(client)
    assert (exposed.value("annuaire_database_up"), exposed.value("annuaire_schema_current")) == (1, 0)


def test_a_scrape_ends_whatever_the_database_waits_for(client: TestClient, registry: Connection) -> None:
    registry.execute("LOCK TABLE import_run")
    exposed = scraped(client)
    assert exposed.value("annuaire_database_up") == 1
    assert exposed.value("annuaire_edition") == 0
    assert exposed.value("annuaire_database_oldest_transaction_seconds", state="idle")
    assert exposed.value("annuaire_imports_waiting") is None


def test_a_transaction_that_is_left_open_is_seen(client: TestClient, database: Database) -> None:
    def oldest(state: str) -> float:
        return scraped(client).value("annuaire_database_oldest_transaction_seconds", state=state) or 0.0

    connection = database.connect()
    connection.execute("SELECT 1")
    before = oldest("idle")
    assert before > 0
    assert oldest("idle") > before
    connection.rollback()
    assert oldest("idle") < before


def test_who_waits_for_a_lock_is_counted(client: TestClient, database: Database) -> None:
    holder, waiter = database.connect(), database.connect(autocommit=True)
    holder.execute("LOCK TABLE notice")
    waiter.pgconn.send_query(b"SELECT FROM notice FOR UPDATE")
    assert any(scraped(client).value("annuaire_database_lock_waits") for _ in range(200))
    holder.rollback()
    waiter.pgconn.get_result()
    assert scraped(client).value("annuaire_database_lock_waits") == 0


def test_a_role_that_may_not_see_others_says_so(database: Database) -> None:
    """PostgreSQL hides the transactions of other roles from it: the metric must not pass for calm."""
    connection = database.connect(autocommit=True)
    connection.execute("DROP ROLE IF EXISTS blind")
    connection.execute("CREATE ROLE blind")
    try:
        connection.execute("SET ROLE blind")
        row = connection.execute(postgres.WATCHED.sql.encode()).fetchone()
    finally:
        connection.execute("RESET ROLE")
        connection.execute("DROP ROLE blind")
    assert row is not None
    (told,) = (each for each in postgres.WATCHED.shown(row[0]) if each.name == "annuaire_database_sees_all")
    assert [sample.value for sample in told.samples] == [0.0]

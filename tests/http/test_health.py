"""Health, readiness, metrics and logs."""

import json
import re
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.doctor import examine
from app.health import schema_head
from app.main import create_app
from app.publication.digest_keeping import keep
from app.schema.program import VERSION
from app.settings import Settings
from tests.builders import a_small_directory

Connection = psycopg.Connection[Any]


def test_a_node_with_its_schema_is_ready_and_says_the_rule_of_domains(client: TestClient, registry: Connection) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    edition = a_small_directory(registry)
    ready = client.get("/readyz").json()
    assert ready == {
        "status": "ready",
        "version": VERSION,
        "edition": edition,
        "schema_version": ",".join(schema_head()),
        "domain_rule": "off",
        "pending": 0,
        "late": [],
        "standby": None,
    }
    registry.execute("UPDATE source SET loaded = true WHERE name = 'liste_blanche'")
    registry.commit()
    assert client.get("/readyz").json()["domain_rule"] == "on"


def test_a_channel_that_is_late_is_told_everywhere_and_the_node_stays_ready(
    client: TestClient, registry: Connection, settings: Settings
) -> None:
    edition = a_small_directory(registry)
    assert 'annuaire_channel_late{channel="publication"} 0.0' in client.get("/metrics").text
    registry.execute("INSERT INTO pending (kind, key, marked_at) VALUES ('mailbox', 'x', now() - interval '1 hour')")
    registry.commit()
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["late"]) == (200, ["publication"])
    text = client.get("/metrics").text
    assert 'annuaire_channel_late{channel="publication"} 1.0' in text
    assert 'annuaire_channel_edition{channel="digest"} 0.0' in text
    assert "annuaire_feed_waiters 0.0" in text
    lag = re.search(r'annuaire_channel_lag_seconds{channel="publication"} (\S+)', text)
    assert lag
    assert float(lag[1]) >= 3_600
    keep(registry)
    registry.commit()
    assert f'annuaire_channel_edition{{channel="digest"}} {float(edition)}' in client.get("/metrics").text
    (finding,) = (found for found in examine(settings) if found.name == "channels")
    assert finding.ok is False
    assert finding.detail.startswith("publication: an id waits since 1:00:0")


@pytest.mark.parametrize(
    "fault", ["UPDATE alembic_version SET version_num = 'old'", "DROP TABLE alembic_version", "DELETE FROM directory"]
)
def test_a_node_without_the_schema_of_its_code_is_not_ready(
    client: TestClient, registry: Connection, fault: str
) -> None:
    registry.execute(fault.encode())
    registry.commit()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "service.not_ready")
    assert "annuaire db upgrade" in answer.json()["detail"]


def test_a_newer_schema_that_lets_this_code_go_on_leaves_the_node_ready(
    client: TestClient, registry: Connection
) -> None:
    registry.execute("UPDATE alembic_version SET version_num = '9999'")
    registry.commit()
    assert client.get("/readyz").status_code == 503
    promise = json.dumps({"schema": "9999", "serves": ["9999", *schema_head()]})
    registry.execute(f"COMMENT ON TABLE alembic_version IS '{promise}'".encode())
    registry.commit()
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["schema_version"]) == (200, "9999")


def test_metrics_count_by_route_template_and_name_nobody(client: TestClient, registry: Connection) -> None:
    edition = a_small_directory(registry)
    client.get("/v1/mailboxes/anne.exemple@ch-exemple.mssante.fr")
    client.get("/v1/practitioners?name=exemple")
    client.get("/wp-admin/anything")
    client.request("PURGE", "/v1/mailboxes")
    text = client.get("/metrics").text
    assert 'annuaire_http_requests_total{method="GET",route="/v1/mailboxes/{address}",status="200"} 1.0' in text
    assert 'annuaire_http_requests_total{method="GET",route="unknown",status="404"} 1.0' in text
    assert f"annuaire_edition {float(edition)}" in text
    assert "annuaire_pending 0.0" in text
    assert "exemple" not in text
    assert "PURGE" not in text


def test_a_line_of_the_log_tells_route_and_id_but_no_name_and_no_key(
    settings: Settings, registry: Connection, reader: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    a_small_directory(registry)
    told = settings.model_copy(update={"database_pool": 1, "log_level": "info"})
    with TestClient(create_app(told)) as client:
        headers = {**reader, "X-Request-ID": "mine-2"}
        client.get("/v1/practitioners?name=exemple", headers=headers)
        client.get("/v1/mailboxes/anne.exemple@ch-exemple.mssante.fr", headers=headers)
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in err.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["route"], line["status"], line["request_id"]) for line in requests] == [
        ("/v1/practitioners", 200, "mine-2"),
        ("/v1/mailboxes/{address}", 200, "mine-2"),
    ]
    assert out == ""
    assert "exemple" not in err
    assert reader["Authorization"][7:] not in err

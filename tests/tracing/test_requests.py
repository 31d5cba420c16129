"""Requests in traces: what they tell, what they never tell, and whose trace goes on."""

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.tracing import export
from app.tracing.statements import words
from tests.builders import DOMAIN, OPERATOR, RPPS, a_mailbox, a_small_directory, an_operator, publish
from tests.push.receiver import closed_port
from tests.tracing.collector import Collector

ADDRESS = f"anne.exemple@{DOMAIN}"
HIDDEN = f"zq7canari.cache@{DOMAIN}"
SOUGHT = "ZQ7CANARICHERCHE"
CALLED = "zq7canari-of-nobody"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
PROXY = ("127.0.0.1", 4_000)

Connection = psycopg.Connection[Any]


@pytest.fixture
def directory(registry: Connection) -> None:
    """A person with a mailbox, and a hidden one of the same operator."""
    a_small_directory(registry)
    an_operator(registry)
    publish(registry, ("mailbox", a_mailbox(registry, HIDDEN, unlisted=True)))


@pytest.mark.usefixtures("directory")
def test_a_request_and_its_statements_are_one_trace(
    traced: Settings, collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    with TestClient(create_app(traced)) as client:
        assert client.get(f"/v1/mailboxes/{ADDRESS}", headers={"X-Request-ID": CALLED}).is_success
        assert client.get("/healthz").is_success
    (request,) = (span for span in collector.spans if not span.parent)
    assert (request.service, request.name) == ("annuaire-api", "GET /v1/mailboxes/{address}")
    assert request.said == {
        "http.request.method": "GET",
        "http.route": "/v1/mailboxes/{address}",
        "http.response.status_code": 200,
        "annuaire.request_id": CALLED,
    }
    inner = [span for span in collector.spans if span.parent]
    assert {span.parent for span in inner} == {request.id}
    assert any(span.name.startswith("prepared ") for span in inner)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (line,) = (line for line in lines if line["event"] == "request" and line["request_id"] == CALLED)
    assert line["trace_id"] == request.trace


@pytest.mark.usefixtures("directory")
def test_nothing_that_a_caller_wrote_leaves_in_a_trace(
    traced: Settings,
    collector: Collector,
    key_for: Callable[..., dict[str, str]],
) -> None:
    publisher = key_for("publish", operator=OPERATOR)
    asked = {
        "/v1/search": {"q": SOUGHT},
        "/v1/practitioners": {"name": SOUGHT},
        f"/v1/mailboxes/{HIDDEN}": {},
        f"/v1/practitioners/{RPPS}": {},
        f"/{SOUGHT}": {SOUGHT: SOUGHT},
    }
    with TestClient(create_app(traced), raise_server_exceptions=False) as client:
        for path, query in asked.items():
            client.get(path, params=query, headers=publisher | {"tracestate": f"x={SOUGHT}"})
        client.post("/v1/mailboxes/check", json={"addresses": [HIDDEN]}, headers=publisher)
        client.put(f"/v1/mailboxes/{HIDDEN}", json={"type": "ORG", "description": SOUGHT}, headers=publisher)
        client.get("/v1/me/mailboxes", headers=publisher)
        client.post("/oauth2/token", data={"grant_type": SOUGHT})
        client.request(SOUGHT, "/v1/edition")
    routes = {span.said.get("http.route") for span in collector.spans}
    assert {"/v1/search", "/v1/mailboxes/{address}", "/v1/me/mailboxes", "unknown"} <= routes
    assert {"SELECT", "INSERT"} & {span.said.get("db.operation.name") for span in collector.spans}
    sent = b"".join(collector.bodies).lower()
    key = publisher["Authorization"].removeprefix("Bearer ")
    for canary in (HIDDEN, "zq7canari", SOUGHT, key, key[-20:], RPPS, "testclient"):
        assert canary.lower().encode() not in sent, canary


@pytest.mark.parametrize(
    ("peer", "given", "is_taken"),
    [
        (PROXY, TRACEPARENT, True),
        (PROXY, TRACEPARENT[:-1] + "0", True),
        (("192.0.2.7", 4_000), TRACEPARENT, False),
        (PROXY, TRACEPARENT + "-more", False),
        (PROXY, f"00-{'0' * 32}-{PARENT}-01", False),
    ],
)
def test_a_trace_goes_on_where_our_proxy_brings_it(
    traced: Settings, collector: Collector, peer: tuple[str, int], given: str, *, is_taken: bool
) -> None:
    behind = traced.model_copy(update={"trusted_proxies": ("127.0.0.0/8",)})
    with TestClient(create_app(behind), client=peer) as client:
        client.get("/v1/nothing", headers={"traceparent": given})
    (span,) = collector.spans
    assert ((span.trace, span.parent) == (TRACE, PARENT)) is is_taken


def test_no_caller_has_more_traces_kept_than_the_lot_says(traced: Settings, collector: Collector) -> None:
    none = traced.model_copy(update={"traces_ratio": 0.0, "trusted_proxies": ("127.0.0.0/8",)})
    with TestClient(create_app(none), client=PROXY) as client:
        client.get("/v1/nothing", headers={"traceparent": TRACEPARENT})
    assert collector.bodies == []


@pytest.mark.usefixtures("directory")
def test_a_collector_that_is_away_costs_nothing_but_its_spans(
    traced: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Too short for a second try.
    monkeypatch.setattr(export, "SECONDS", 0.5)
    away = traced.model_copy(update={"traces_url": f"http://127.0.0.1:{closed_port()}/v1/traces"})
    app = create_app(away)
    with TestClient(app) as client:
        assert all(client.get(f"/v1/mailboxes/{ADDRESS}").is_success for _ in range(20))
    lost = app.state.metrics.registry.get_sample_value("annuaire_spans_lost_total")
    assert lost is not None
    assert lost >= 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT a FROM mailbox WHERE b = $1", ("SELECT", "mailbox")),
        ("\nWITH x AS (SELECT 1 FROM change) SELECT * FROM x", ("WITH", "change")),
        ("INSERT INTO mailbox VALUES ('from dupont')", ("INSERT", "mailbox")),
        ("SELECT ' FROM dupont '", ("SELECT", "")),
        ("SELECT 'it''s FROM dupont'", ("SELECT", "")),
        ("DUPONT FROM mailbox", ("statement", "")),
        ("", ("statement", "")),
    ],
)
def test_a_statement_is_told_by_words_that_are_no_values(text: str, expected: tuple[str, str]) -> None:
    assert words(text) == expected

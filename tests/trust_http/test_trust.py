"""The trust space over HTTP."""

from typing import Any

import psycopg
from starlette.testclient import TestClient

from app.trust.schemas import DomainPage, OperatorPage
from tests.builders import an_operator

Connection = psycopg.Connection[Any]
OTHER = "300000001800010"


def two_operators(registry: Connection) -> None:
    an_operator(registry, domains=("b.mssante.fr", "shared.mssante.fr"))
    an_operator(registry, OTHER, name="SOCIÉTÉ ESSAI", domains=("a.mssante.fr", "shared.mssante.fr"))
    registry.execute("UPDATE domain SET responsible_contact = 'secret@contact.fr', source_updated = '2026-11-01'")
    registry.commit()


def test_domains_are_listed_with_each_owner_by_pages(client: TestClient, registry: Connection) -> None:
    two_operators(registry)
    first = client.get("/v1/trust/domains?limit=3")
    page = DomainPage.model_validate_json(first.content)
    assert [(item.name, item.operator) for item in page.items] == [
        ("a.mssante.fr", OTHER),
        ("b.mssante.fr", "1990000010"),
        ("shared.mssante.fr", "1990000010"),
    ]
    assert (page.total.value, page.total.exact, page.edition) == (4, True, 0)
    rest = DomainPage.model_validate_json(client.get(f"/v1/trust/domains?limit=3&cursor={page.next}").content)
    assert [(item.name, item.operator_name) for item in rest.items] == [("shared.mssante.fr", "SOCIÉTÉ ESSAI")]
    assert rest.next is None
    assert "contact" not in first.text
    assert first.headers["directory-edition"] == "0"


def test_domains_are_found_by_name_and_by_operator(client: TestClient, registry: Connection) -> None:
    two_operators(registry)

    def found(query: str) -> list[tuple[str, str]]:
        items = client.get(f"/v1/trust/domains?{query}").json()["items"]
        return [(item["name"][0], item["operator"][0]) for item in items]

    assert found("name=Shared.mssante.fr") == [("s", "1"), ("s", "3")]
    assert found(f"operator={OTHER}") == [("a", "3"), ("s", "3")]
    assert found("name=none.fr") == []


def test_operators_are_listed_with_certificates_and_domains(client: TestClient, registry: Connection) -> None:
    two_operators(registry)
    page = OperatorPage.model_validate_json(client.get("/v1/trust/operators?limit=1").content)
    assert [(item.id, item.name, item.state) for item in page.items] == [("1990000010", "GIP EXEMPLE", "active")]
    assert page.items[0].certificates == ["C=FR,CN=bal.exemple,OU=1990000010"]
    assert page.items[0].domains == ["b.mssante.fr", "shared.mssante.fr"]
    assert page.total.value == 2
    rest = OperatorPage.model_validate_json(client.get(f"/v1/trust/operators?cursor={page.next}").content)
    assert [item.id for item in rest.items] == [OTHER]


def test_an_empty_trust_space_is_an_empty_page(client: TestClient) -> None:
    for path in ("domains", "operators"):
        assert client.get(f"/v1/trust/{path}").json()["items"] == []

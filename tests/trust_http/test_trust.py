"""The trust space over HTTP."""

from typing import Any

import psycopg
from starlette.testclient import TestClient

from app.trust.schemas import DomainPage, Operator, OperatorPage
from tests.builders import an_operator
from tests.trust.conformity import a_candidate, a_complete_file

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


def test_operators_are_found_by_state_and_by_domain(client: TestClient, registry: Connection) -> None:
    two_operators(registry)
    registry.execute("UPDATE operator SET state = 'suspended' WHERE id = %s", [OTHER])
    registry.commit()

    def found(query: str) -> list[str]:
        return [item["id"] for item in client.get(f"/v1/trust/operators?{query}").json()["items"]]

    assert found("state=suspended") == [OTHER]
    assert found("state=active&domain=shared.mssante.fr") == ["1990000010"]
    assert found("domain=A.mssante.fr") == [OTHER]
    assert found("domain=none.fr") == []
    assert client.get("/v1/trust/operators?state=asleep").status_code == 422
    total = client.get("/v1/trust/operators?state=suspended").json()["total"]
    assert total == {"value": 1, "exact": True}


def test_one_operator_is_read_by_its_id(client: TestClient, registry: Connection) -> None:
    two_operators(registry)
    answer = client.get(f"/v1/trust/operators/{OTHER}")
    found = Operator.model_validate_json(answer.content)
    assert (found.name, found.state, found.conformity_in_force) == ("SOCIÉTÉ ESSAI", "active", True)
    assert found.domains == ["a.mssante.fr", "shared.mssante.fr"]
    assert (
        client.get(f"/v1/trust/operators/{OTHER}", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    )
    missing = client.get("/v1/trust/operators/nobody")
    assert (missing.status_code, missing.json()["code"]) == (404, "operator.unknown")
    assert client.get(missing.json()["type"]).status_code == 200


def test_of_a_conformity_file_it_is_public_whether_it_is_in_force(client: TestClient, registry: Connection) -> None:
    operator = a_candidate(registry)
    registry.execute("UPDATE operator SET state_reason = 'secret'")
    registry.commit()

    def in_force() -> bool:
        answer = client.get(f"/v1/trust/operators/{operator}")
        assert "REF" not in answer.text
        assert "secret" not in answer.text
        return bool(answer.json()["conformity_in_force"])

    assert not in_force()
    a_complete_file(registry, operator)
    registry.commit()
    assert in_force()
    registry.execute("UPDATE conformity_document SET expires_on = french_today() - 1 WHERE kind = 'hosting'")
    registry.commit()
    assert not in_force()
    registry.execute(
        "INSERT INTO conformity_exception (operator, reason, expires_on, granted_by)"
        " VALUES (%s, 'secret', french_today(), 'test')",
        [operator],
    )
    registry.commit()
    assert in_force()

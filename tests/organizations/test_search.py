"""The search for structures by name and place."""

from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.organizations.schemas import OrganizationPage
from tests.builders import a_structure, publish

Connection = psycopg.Connection[Any]


@pytest.fixture
def found(client: TestClient, registry: Connection) -> Any:
    """A search among five structures: [(first words of the name, match)], page after page."""
    besancon: Any = {"city": "BESANCON", "postal_code": "25000", "department": "25"}
    ajaccio: Any = {"city": "AJACCIO", "postal_code": "20000", "department": "2A"}
    keys = [
        a_structure(registry, finess="990000010", name="CH ÉTOILE", **besancon, parent="990000093"),
        a_structure(registry, finess="990000028", name="CH ÉTOILE DU SUD", organization_type="620", **ajaccio),
        a_structure(
            registry,
            finess="990000036",
            name="HOPITAL",
            long_name="CH ETOILE (ANCIEN)",
            trade_name="ch étoile",
            **besancon,
        ),
        a_structure(registry, finess="990000044", name="CHIRURGIE", **besancon),
        a_structure(registry, finess="990000051", name=None, long_name=None, trade_name=None, **ajaccio),
    ]
    publish(registry, *[("organization", key) for key in keys])

    def search(query: str) -> list[tuple[str, str]]:
        items: list[tuple[str, str]] = []
        cursor = ""
        for _ in range(10):
            page = OrganizationPage.model_validate_json(
                client.get(f"/v1/organizations?{query}&limit=2{cursor}").content
            )
            items += [(item.id[-2:], item.match) for item in page.items]
            if page.next is None:
                assert page.total.value == len(items)
                return items
            cursor = f"&cursor={page.next}"
        raise AssertionError("the pages do not end")

    return search


def test_exact_names_come_first_then_names_that_go_on(found: Any) -> None:
    assert found("name=ch etoile") == [("10", "exact"), ("36", "exact"), ("28", "prefix")]


@pytest.mark.parametrize("name", ["CH Étoile", "ch-etoile", "  ch   étoile ", "CH%20E%CC%81TOILE"])
def test_accents_case_and_marks_do_not_matter(found: Any, name: str) -> None:
    assert found(f"name={name}") == found("name=ch etoile")


def test_a_structure_of_several_names_is_found_once_by_the_first_that_fits(found: Any) -> None:
    assert [key for key, _ in found("name=ch")] == ["10", "36", "28", "44"]
    assert found("name=hopital") == [("36", "exact")]


def test_without_a_name_every_structure_is_listed_once_by_its_main_name(found: Any) -> None:
    assert found("") == [(key, "exact") for key in ("51", "10", "28", "44", "36")]


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("city=Besançon", ["10", "44", "36"]),
        ("postal_code=20000", ["51", "28"]),
        ("department=2a", ["51", "28"]),
        ("type=620", ["28"]),
        ("parent=990000093", ["10"]),
        ("parent=1990000093", ["10"]),
        ("name=ch etoile&department=25", ["10", "36"]),
        ("name=etoile", ["10", "28", "36"]),
        ("city=besan", []),
    ],
)
def test_filters_add_up(found: Any, query: str, keys: list[str]) -> None:
    assert [key for key, _ in found(query)] == keys


@pytest.mark.parametrize("query", ["name=北京", "name=---", "city=%20", "nom=x"])
def test_nothing_to_search_for_is_refused_and_named(client: TestClient, query: str) -> None:
    answer = client.get(f"/v1/organizations?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/query/" + query.partition("=")[0]

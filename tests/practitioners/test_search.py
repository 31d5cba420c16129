"""The search for professionals by name, profession and place."""

from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.practitioners.readings import PARTICLES, Reading, readings
from app.practitioners.schemas import PractitionerPage
from app.problems import InvalidRequest
from tests.builders import a_mailbox, a_practitioner, a_structure, publish

Connection = psycopg.Connection[Any]

PEOPLE = [
    ("99900000011", "MARTIN", "Anne"),
    ("99900000022", "MARTIN", "Anne-Lise"),
    ("99900000033", "MARTIN", "Zoé"),
    ("99900000044", "MARTINEZ", "Anne"),
    ("99900000055", "ANNE", "Martin"),
    ("99900000066", "MARTIN DUPONT", "Luc"),
    ("99900000077", "D'ARTAGNAN", "Éloïse"),
    ("99900000088", "Œuvrard", "Joël"),
]


@pytest.fixture
def found(client: TestClient, registry: Connection, reader: dict[str, str]) -> Any:
    """A search among these people: [(last two digits, match)], by pages of two."""
    ids = [
        ("practitioner", a_practitioner(registry, rpps=rpps, family=family, given=given))
        for rpps, family, given in PEOPLE
    ]
    publish(registry, *ids)

    def search(query: str, limit: int = 2) -> list[tuple[str, str]]:
        items: list[tuple[str, str]] = []
        cursor = ""
        for _ in range(20):
            answer = client.get(f"/v1/practitioners?{query}&limit={limit}{cursor}", headers=reader)
            page = PractitionerPage.model_validate_json(answer.content)
            items += [(str(item.rpps)[-2:], item.match) for item in page.items]
            if page.next is None:
                assert (page.total.value, page.total.exact) == (len(items), True)
                return items
            cursor = f"&cursor={page.next}"
        raise AssertionError("the pages do not end")

    return search


def test_a_family_name_finds_whole_names_first_then_those_that_go_on(found: Any) -> None:
    whole = [("11", "exact"), ("22", "exact"), ("33", "exact")]
    assert found("family=martin") == [*whole, ("66", "exact"), ("44", "prefix")]


def test_family_and_given_name_together(found: Any) -> None:
    assert found("family=martin&given=anne") == [("11", "exact"), ("22", "exact"), ("44", "prefix")]


def test_a_given_name_alone(found: Any) -> None:
    assert found("given=anne") == [("11", "exact"), ("44", "exact"), ("22", "prefix")]
    assert found("given=el") == [("77", "prefix")]


@pytest.mark.parametrize("name", ["martin anne", "Anne Martin", "ANNE, MARTIN", "anne-martin"])
def test_one_box_reads_both_orders(found: Any, name: str) -> None:
    # Two people are exactly so called, one in each order.
    assert found(f"name={name}") == [("55", "exact"), ("11", "exact"), ("22", "exact"), ("44", "prefix")]


def test_one_box_reads_compound_names(found: Any) -> None:
    assert found("name=martin dupont") == [("66", "exact")]
    assert found("name=luc martin dupont") == [("66", "exact")]
    assert found("name=martin dupont luc") == [("66", "exact")]
    assert found("name=anne lise martin") == [("22", "exact")]
    # Of several given names the register may have only the first.
    assert found("name=anne sophie martin") == [("11", "fuzzy")]


@pytest.mark.parametrize(
    "name", ["d'artagnan", "D\u2019Artagnan", "d artagnan", "eloise d'artagnan", "ÉLOÏSE D ARTAGNAN"]
)
def test_apostrophes_and_accents_do_not_matter(found: Any, name: str) -> None:
    assert found(f"name={name}") == [("77", "exact")]


def test_ligatures_are_spelt_out(found: Any) -> None:
    assert found("name=oeuvrard") == found("family=ŒUVRARD") == [("88", "exact")]


@pytest.mark.parametrize("limit", [1, 3, 200])
def test_pages_of_any_size_make_the_same_list(found: Any, limit: int) -> None:
    assert found("name=anne martin", limit) == found("name=anne martin")
    assert found("", limit) == found("")


def test_without_a_filter_everybody_is_listed_by_name(found: Any) -> None:
    assert [key for key, _ in found("")] == ["55", "77", "11", "22", "33", "66", "44", "88"]


def test_name_and_filters_of_names_add_up(found: Any) -> None:
    assert found("name=martin&given=zo") == [("33", "exact")]
    assert found("name=anne martin&family=martine") == [("44", "prefix")]


def test_filters_add_up(client: TestClient, registry: Connection, reader: dict[str, str]) -> None:
    besancon = a_structure(registry, siret="00000001800010")
    ajaccio = a_structure(registry, finess="990000028", city="AJACCIO", postal_code="20000", department="2A")
    doctor = a_practitioner(registry, rpps="99900000011", organization=besancon)
    nurse = a_practitioner(registry, rpps="99900000022", profession="60", skill=None, organization=ajaccio)
    a_mailbox(registry, practitioner=doctor)
    ids = [("organization", besancon), ("organization", ajaccio), ("practitioner", doctor), ("practitioner", nurse)]
    publish(registry, *ids)

    def found(query: str) -> list[str]:
        page = client.get(f"/v1/practitioners?{query}", headers=reader).json()
        assert page["total"] == {"value": len(page["items"]), "exact": True}
        return [item["rpps"][-2:] for item in page["items"]]

    assert found("profession=10") == found("specialty=sm53") == found("department=25") == ["11"]
    assert found("department=2a") == found("postal_code=20000") == found("city=Ajaccio") == ["22"]
    assert found("has_mailbox=true") == ["11"]
    assert found("has_mailbox=false") == ["22"]
    for form in ("990000010", "1990000010", "00000001800010"):
        assert found(f"organization={form}") == ["11"]
    assert found("profession=10&department=2A") == []
    assert found("name=exemple anne&profession=60") == ["22"]
    assert found("family=exemple&city=besançon") == ["11"]
    assert found("given=anne&organization=990000028") == ["22"]
    assert found("organization=000000000") == []


def test_a_hidden_mailbox_leaves_no_trace_in_a_search(client: TestClient, registry: Connection) -> None:
    person = a_practitioner(registry)
    a_mailbox(registry, practitioner=person, unlisted=True)
    publish(registry, ("practitioner", person))
    page = client.get("/v1/practitioners?name=exemple").json()
    assert page["items"][0]["mailboxes"] == []
    assert client.get("/v1/practitioners?name=exemple&has_mailbox=true").json()["items"] == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("name=北京", "/query/name"),
        ("family=...", "/query/family"),
        ("city=%C2%A0", "/query/city"),
        ("nom=martin", "/query/nom"),
        ("has_mailbox=perhaps", "/query/has_mailbox"),
        ("name=a b c d e f g h i j k l m", "/query/name"),
        ("name=a%00", "/query/name"),
    ],
)
def test_what_cannot_be_searched_for_is_refused_and_named(client: TestClient, query: str, pointer: str) -> None:
    answer = client.get(f"/v1/practitioners?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


@given(st.lists(st.sampled_from(["martin", "anne", "de", "la"]), min_size=1, max_size=8))
def test_every_cut_is_read_in_both_orders_and_none_twice(words: list[str]) -> None:
    read = readings(" ".join(words))
    assert len(set(read)) == len(read) <= 2 * len(words) - 1
    assert read[0] == Reading(tuple(words))
    for at in range(1, len(words)):
        if words[at - 1] not in PARTICLES and words[at:] != [word for word in words[at:] if word in PARTICLES]:
            head, tail = tuple(words[:at]), tuple(words[at:])
            assert Reading(head, tail) in read
            assert Reading(tail, head) in read


@pytest.mark.parametrize(
    ("typed", "family"),
    [
        ("dr martin", "martin"),
        ("m martin", "martin"),
        ("monsieur le professeur martin", "martin"),
        ("le dr", "dr"),
        ("martin m", "martin m"),
        ("mme", "mme"),
        ("pr dr", "dr"),
    ],
)
def test_how_somebody_is_addressed_is_no_name_where_a_name_is_there(typed: str, family: str) -> None:
    assert readings(typed)[0] == Reading(tuple(family.split(" ")))


def test_too_many_words_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        readings("a b c d e f g h i j k l m")

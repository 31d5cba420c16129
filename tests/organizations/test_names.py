"""What is typed for the name of a structure, and what is found."""

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.organizations.schemas import OrganizationPage
from app.organizations.words import ARTICLES
from tests.builders import a_structure, publish

Connection = psycopg.Connection[Any]

# name, trade name, town, postal code
STRUCTURES = (
    ("CENTRE HOSPITALIER LYON SUD", None, "PIERRE BENITE", "69310"),
    ("CH DE LA CROIX ROUSSE", None, "LYON 04", "69004"),
    ("C.H.U. DE LILLE", "Hôpital Salengro", "LILLE", "59000"),
    ("PHARMACIE DU MARCHÉ", None, "LILLE", "59800"),
    ("PHARMACIE DU MARCHE", None, "NICE", "06000"),
    ("GRANDE PHARMACIE DE L'ÉTOILE", "PHARMACIE LAFAYETTE", "LYON 03", "69003"),
    ("EHPAD LES TILLEULS", None, "SAINT-ETIENNE", "42000"),
    ("ETABLISSEMENT D'HEBERGEMENT POUR PERSONNES AGEES DEPENDANTES MARIE CURIE", None, "LYON 07", "69007"),
    ("SELARL DU DOCTEUR THIBAULT", None, "NICE", "06100"),
    ("SCM DES HALLES", None, "DIJON", "21000"),
    ("Maison de santé pluriprofessionnelle du Lac", None, "ANNECY", "74000"),
    ("SSIAD VAL D'OR", None, "DIJON", "21000"),
    ("CABINET MARTIN", None, "LYON 06", "69006"),
    ("CABINET DU DR MARTIN LUC", None, "NICE", "06000"),
)
CASES: tuple[tuple[str, list[tuple[str, str]]], ...] = (
    ("ch lyon", [("CENTRE HOSPITALIER LYON SUD", "prefix"), ("CH DE LA CROIX ROUSSE", "prefix")]),
    ("centre hospitalier croix-rousse", [("CH DE LA CROIX ROUSSE", "prefix")]),
    ("CHU Lille", [("C.H.U. DE LILLE", "prefix")]),
    ("c.h.u. lille", [("C.H.U. DE LILLE", "prefix")]),
    ("chu de lille", [("C.H.U. DE LILLE", "prefix")]),
    ("centre hospitalier universitaire", [("C.H.U. DE LILLE", "prefix")]),
    ("salengro", [("C.H.U. DE LILLE", "prefix")]),
    ("hopital salengro", [("C.H.U. DE LILLE", "exact")]),
    ("pharmacie du marche lille", [("PHARMACIE DU MARCHÉ", "prefix")]),
    ("lille marche pharmacie", [("PHARMACIE DU MARCHÉ", "prefix")]),
    ("pharmacie 59800", [("PHARMACIE DU MARCHÉ", "prefix")]),
    ("pharmacie du marché", [("PHARMACIE DU MARCHÉ", "exact"), ("PHARMACIE DU MARCHE", "exact")]),
    ("pharmacie marche", [("PHARMACIE DU MARCHÉ", "prefix"), ("PHARMACIE DU MARCHE", "prefix")]),
    ("pharmacie etoile lafayette", [("GRANDE PHARMACIE DE L'ÉTOILE", "prefix")]),
    ("pharmacie laf", [("GRANDE PHARMACIE DE L'ÉTOILE", "prefix")]),
    ("l'etoile", [("GRANDE PHARMACIE DE L'ÉTOILE", "prefix")]),
    ("ehpad tilleul", [("EHPAD LES TILLEULS", "fuzzy")]),
    ("ehpad les tilleuls saint etienne", [("EHPAD LES TILLEULS", "prefix")]),
    ("ehpad marie curie", [("ETABLISSEMENT D'HEBERGEMENT POUR PERSONNES AGEES DEPENDANTES MARIE CURIE", "prefix")]),
    ("dr thibault", [("SELARL DU DOCTEUR THIBAULT", "prefix")]),
    ("societe civile de moyens halles", [("SCM DES HALLES", "prefix")]),
    ("msp du lac annecy", [("Maison de santé pluriprofessionnelle du Lac", "prefix")]),
    ("service de soins infirmiers a domicile dijon", [("SSIAD VAL D'OR", "prefix")]),
    ("pharmacie du marhce lille", [("PHARMACIE DU MARCHÉ", "fuzzy")]),
    ("farmacie", []),
    ("pharmcie etoile", [("GRANDE PHARMACIE DE L'ÉTOILE", "fuzzy")]),
    ("cabinet martn lyon", [("CABINET MARTIN", "fuzzy")]),
    ("martin", [("CABINET DU DR MARTIN LUC", "prefix"), ("CABINET MARTIN", "prefix")]),
    ("lille", [("C.H.U. DE LILLE", "prefix")]),
    ("nice dijon", []),
    ("de la", []),
    ("cabinet pharmacie", []),
)


@pytest.fixture
def structures(registry: Connection) -> Connection:
    keys = [
        a_structure(registry, finess=f"9900{number:05d}", name=name, trade_name=trade, city=city, postal_code=code)
        for number, (name, trade, city, code) in enumerate(STRUCTURES)
    ]
    publish(registry, *[("organization", key) for key in keys])
    return registry


def found(client: TestClient, **query: str) -> list[tuple[str | None, str]]:
    answer = client.get("/v1/organizations", params=query)
    page = OrganizationPage.model_validate_json(answer.content)
    assert (page.next, page.total.exact, page.total.value) == (None, True, len(page.items))
    return [(item.name, item.match) for item in page.items]


@pytest.mark.usefixtures("structures")
def test_what_is_typed_finds_what_is_meant(client: TestClient) -> None:
    wrong = {name: (got, wanted) for name, wanted in CASES if (got := found(client, name=name)) != wanted}
    assert wrong == {}


@pytest.mark.usefixtures("structures")
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"name": "pharmacie", "city": "nice"}, ["PHARMACIE DU MARCHE"]),
        ({"name": "marche", "postal_code": "59800"}, ["PHARMACIE DU MARCHÉ"]),
        ({"name": "marhce", "city": "Lille"}, ["PHARMACIE DU MARCHÉ"]),
        ({"name": "etoile", "department": "25"}, ["GRANDE PHARMACIE DE L'ÉTOILE"]),
        ({"name": "etoile", "city": "paris"}, []),
        ({"name": "etoile", "postal_code": "-"}, []),
    ],
)
def test_filters_hold_for_every_word(client: TestClient, query: dict[str, str], names: list[str]) -> None:
    assert [name for name, _ in found(client, **query)] == names


@pytest.mark.usefixtures("structures")
def test_where_enough_fits_nothing_else_is_guessed(client: TestClient, registry: Connection) -> None:
    keys = [
        a_structure(registry, finess=f"9901{number:05d}", name=f"MARTEN {number}", city="PARIS") for number in range(9)
    ]
    publish(registry, *[("organization", key) for key in keys])
    assert {match for _, match in found(client, name="marten")} == {"prefix", "fuzzy"}
    publish(registry, ("organization", a_structure(registry, finess="990200000", name="MARTEN A PARIS")))
    assert {match for _, match in found(client, name="marten")} == {"prefix"}


def test_articles_are_the_same_on_both_sides(registry: Connection) -> None:
    assert registry.execute("SELECT structure_articles()").fetchone() == (sorted(ARTICLES),)


def test_every_abbreviation_is_seen_in_a_name(registry: Connection) -> None:
    """The questions that spare most names the list must let all of the list through."""
    missed = registry.execute(
        "SELECT a[n - 1] FROM structure_abbreviations() a, generate_series(2, cardinality(a), 2) n"
        " WHERE strpos(structure_spelled('x ' || a[n] || ' y'), ' ' || a[n - 1] || ' ') = 0"
        " OR strpos(structure_spelled('x ' || a[n - 1] || ' y'), ' ' || a[n] || ' ') = 0 AND n ="
        " (SELECT min(m) FROM generate_series(2, cardinality(a), 2) m WHERE a[m - 1] = a[n - 1])"
    ).fetchall()
    assert missed == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(min_size=1, max_size=200) | st.text("abcehilmnrst '-@|%_", min_size=1, max_size=60))
@pytest.mark.usefixtures("structures")
def test_any_text_is_answered_or_refused_by_name(client: TestClient, name: str) -> None:
    answer = client.get("/v1/organizations", params={"name": name})
    if answer.status_code == 422:
        assert answer.json()["errors"][0]["pointer"].endswith("/name")
    else:
        assert answer.status_code == 200
        OrganizationPage.model_validate_json(answer.content)

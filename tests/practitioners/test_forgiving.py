"""What the search forgives, and what it must not: every pair is (typed, meant)."""

from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.practitioners.by_name import WIDEN_BELOW
from tests.builders import a_practitioner, a_structure, publish

Connection = psycopg.Connection[Any]

PEOPLE = {
    "lefebvre": ("LEFÈBVRE", "Jean-Pierre"),
    "renault": ("RENAULT", "Éloïse"),
    "le gall": ("LE GALL", "Yann"),
    "de la tour": ("DE LA TOUR", "Hugues"),
    "saint-martin": ("SAINT-MARTIN", "Luce"),
    "dartagnan": ("DARTAGNAN", "Charles"),
    "duval": ("DUVAL EPOUSE MOREL", "Inès"),
    "cordier": ("CORDIER-PONS", "Zacharie"),
    "leprovost": ("LE PROVOST", "Anne Marie"),
    "bo": ("BO", "Li"),
}


@pytest.fixture
def first(client: TestClient, registry: Connection, reader: dict[str, str]) -> Any:
    """The first person found, by the name above, and how."""
    names = {}
    for number, (name, (family, given)) in enumerate(PEOPLE.items()):
        rpps = f"9990000{number:04}"
        names[rpps] = name
        publish(registry, ("practitioner", a_practitioner(registry, rpps=rpps, family=family, given=given)))

    def search(query: str) -> tuple[str, str] | None:
        answer = client.get(f"/v1/practitioners?{query}", headers=reader)
        assert answer.status_code == 200, answer.text
        items = answer.json()["items"]
        return (names[items[0]["rpps"]], items[0]["match"]) if items else None

    return search


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        # Accents, case, hyphens, apostrophes, order, civilities.
        ("lefebvre jean pierre", ("lefebvre", "exact")),
        ("Jean-Pierre LEFEBVRE", ("lefebvre", "exact")),
        ("jeanpierre lefebvre", ("lefebvre", "exact")),
        ("dr lefebvre", ("lefebvre", "exact")),
        ("Mme Eloïse Renault", ("renault", "exact")),
        ("pierre lefebvre", ("lefebvre", "exact")),
        ("j lefebvre", ("lefebvre", "prefix")),
        # Particles: left out, joined, parted.
        ("legall yann", ("le gall", "exact")),
        ("gall yann", ("le gall", "exact")),
        ("tour hugues", ("de la tour", "exact")),
        ("delatour hugues", ("de la tour", "exact")),
        ("d'artagnan charles", ("dartagnan", "exact")),
        # Saint in its spellings.
        ("st martin luce", ("saint-martin", "exact")),
        ("luce saint martin", ("saint-martin", "exact")),
        # Compounds and names before a marriage.
        ("morel ines", ("duval", "exact")),
        ("duval", ("duval", "exact")),
        ("pons cordier", ("cordier", "exact")),
        ("cordierpons zacharie", ("cordier", "exact")),
        ("corde zach", None),
        # Beginnings.
        ("cord zach", ("cordier", "prefix")),
        ("renau", ("renault", "prefix")),
        # One edit: replaced, left out, doubled, swapped; in either name.
        ("renoult", ("renault", "fuzzy")),
        ("lefbvre jean", ("lefebvre", "fuzzy")),
        ("cordierr zacharie", ("cordier", "fuzzy")),
        ("corider zacharie", ("cordier", "fuzzy")),
        ("cordier zahcarie", ("cordier", "fuzzy")),
        ("legal yann", ("le gall", "fuzzy")),
        ("lefebvre jeanpiere", ("lefebvre", "fuzzy")),
        # The sound of it.
        ("lefevre jean", ("lefebvre", "fuzzy")),
        ("reno eloise", ("renault", "phonetic")),
        ("renaud", ("renault", "phonetic")),
        ("provo anne marie", ("leprovost", "phonetic")),
        # Too short for a slip.
        ("ba", None),
        ("xyz", None),
    ],
)
def test_one_box(first: Any, typed: str, found: tuple[str, str] | None) -> None:
    assert first(f"name={typed}") == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("family=reneault", ("renault", "fuzzy")),
        ("family=renaud&given=elo", ("renault", "phonetic")),
        ("family=lefebvre&given=jena-pierre", ("lefebvre", "fuzzy")),
        ("family=le gall&given=zacharie", None),
    ],
)
def test_names_apart(first: Any, query: str, found: tuple[str, str] | None) -> None:
    assert first(query) == found


def test_whoever_is_meant_is_not_drowned_in_the_names_beside(
    client: TestClient, registry: Connection, reader: dict[str, str]
) -> None:
    ids = [
        ("practitioner", a_practitioner(registry, rpps=f"9990000{n:04}", family=family, given="Anne"))
        for n, family in enumerate([*["MARTINET"] * WIDEN_BELOW, "MARTON", "MARTOU", "MARTIVE"])
    ]
    publish(registry, *ids)

    def total(name: str) -> int:
        return int(client.get(f"/v1/practitioners?name={name}", headers=reader).json()["total"]["value"])

    # One who is so called; ten whose name begins so; else whatever is near.
    assert (total("marton"), total("martine"), total("martoc")) == (1, WIDEN_BELOW, 2)
    assert total("martiv") == total("martivv") == 1


def test_a_name_that_begins_with_the_text_and_is_near_it_is_listed_once(
    client: TestClient, registry: Connection, reader: dict[str, str]
) -> None:
    publish(registry, ("practitioner", a_practitioner(registry, family="ROBINO")))
    page = client.get("/v1/practitioners?name=robin", headers=reader).json()
    assert ([item["match"] for item in page["items"]], page["total"]["value"]) == (["prefix"], 1)


def test_every_page_belongs_to_the_list_that_its_first_page_began(
    client: TestClient, registry: Connection, reader: dict[str, str]
) -> None:
    """Somebody of the very name who comes while somebody reads on does not take what is near out of the list."""
    ids = [
        ("practitioner", a_practitioner(registry, rpps=f"9990000{n:04}", family=family, given="Anne"))
        for n, family in enumerate(["MARTIN", "MARTON", "MARTEN", "MARTAIN"])
    ]
    publish(registry, *ids)
    page = client.get("/v1/practitioners?name=martan&limit=2", headers=reader).json()
    assert [(item["family"], item["match"]) for item in page["items"]] == [("MARTAIN", "fuzzy"), ("MARTEN", "fuzzy")]
    publish(registry, ("practitioner", a_practitioner(registry, rpps="99900010000", family="MARTAN", given="Anne")))
    rest = client.get(f"/v1/practitioners?name=martan&limit=2&cursor={page['next']}", headers=reader).json()
    assert [(item["family"], item["match"]) for item in rest["items"]] == [("MARTIN", "fuzzy"), ("MARTON", "fuzzy")]


def test_a_city_of_a_saint_in_either_spelling(client: TestClient, registry: Connection, reader: dict[str, str]) -> None:
    place = a_structure(registry, finess="990000028", city="SAINT DENIS", postal_code="93200", department="93")
    person = a_practitioner(registry, organization=place)
    publish(registry, ("organization", place), ("practitioner", person))
    for city in ("st-denis", "Saint Denis", "ST DENIS"):
        page = client.get(f"/v1/practitioners?name=exemple&city={city}", headers=reader).json()
        assert page["total"]["value"] == 1


def test_nobody_is_found_by_a_word_that_went_with_its_last_holder(
    client: TestClient, registry: Connection, reader: dict[str, str]
) -> None:
    person = a_practitioner(registry, family="HAPAXOVIC")
    publish(registry, ("practitioner", person))
    assert client.get("/v1/practitioners?name=hapaxovik", headers=reader).json()["total"]["value"] == 1
    registry.execute("UPDATE practitioner SET register_state = 'closed' WHERE national_id = %s", [person])
    publish(registry, ("practitioner", person))
    assert client.get("/v1/practitioners?name=hapaxovik", headers=reader).json()["total"]["value"] == 0
    assert registry.execute("SELECT count(*) FROM name_word WHERE word LIKE 'hapax%'").fetchone() == (0,)

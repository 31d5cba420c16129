"""One structure by any of its ids, and batches."""

from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.organizations.schemas import Organization, OrganizationBatch
from tests.builders import a_structure, publish

Connection = psycopg.Connection[Any]
SIRET = "00000001800010"


@pytest.fixture
def structure(registry: Connection) -> str:
    key = a_structure(registry, siret=SIRET, technical_ids=("F990000010",), parent="990000028")
    publish(registry, ("organization", key))
    return key


@pytest.mark.parametrize("asked", ["990000010", "1990000010", SIRET, "F990000010", "99 00 00 010", "f990000010"])
def test_every_id_finds_it(client: TestClient, registry: Connection, structure: str, asked: str) -> None:
    answer = client.get(f"/v1/organizations/{asked}")
    row = registry.execute("SELECT document FROM publication").fetchone()
    assert row is not None
    assert answer.content == row[0].encode()
    assert Organization.model_validate_json(answer.content).id == structure
    assert answer.headers["directory-edition"] == "1"


def test_a_structure_of_which_little_is_known_fits_the_model(client: TestClient, registry: Connection) -> None:
    nothing = dict.fromkeys(("name", "organization_type", "city", "postal_code", "department"))
    key = a_structure(registry, finess=None, technical_ids=("R99990000000001",), source="personne_activite", **nothing)
    publish(registry, ("organization", key))
    assert Organization.model_validate_json(client.get(f"/v1/organizations/{key}").content).name is None


def test_an_id_of_several_structures_is_a_conflict_that_names_them(client: TestClient, registry: Connection) -> None:
    first = a_structure(registry, siret=SIRET)
    second = a_structure(registry, finess="990000028", siret=SIRET, name="CH ESSAI")
    edition = publish(registry, ("organization", first), ("organization", second))
    answer = client.get(f"/v1/organizations/{SIRET}")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "organization.ambiguous")
    assert problem["candidates"] == [first, second]
    assert answer.headers["directory-edition"] == str(edition)


def test_a_key_means_its_own_structure_even_where_another_lists_it(client: TestClient, registry: Connection) -> None:
    first = a_structure(registry)
    second = a_structure(registry, finess="990000028", technical_ids=(first,))
    publish(registry, ("organization", first), ("organization", second))
    assert client.get(f"/v1/organizations/{first}").json()["id"] == first


@pytest.mark.usefixtures("structure")
@pytest.mark.parametrize("asked", ["990000028", "000000000", "nothing", "1990000028"])
def test_an_id_of_none_is_unknown(client: TestClient, asked: str) -> None:
    answer = client.get(f"/v1/organizations/{asked}")
    assert (answer.status_code, answer.json()["code"]) == (404, "organization.unknown")


def test_a_structure_that_no_register_asserts_is_unknown(client: TestClient, registry: Connection) -> None:
    registry.execute("INSERT INTO organization (key) VALUES ('1990000010')")
    publish(registry, ("organization", "1990000010"))
    assert client.get("/v1/organizations/1990000010").status_code == 404


def test_a_batch_answers_each_id_in_order_and_never_chooses(
    client: TestClient, registry: Connection, structure: str
) -> None:
    twin = a_structure(registry, finess="990000028", siret=SIRET)
    publish(registry, ("organization", twin))
    asked = ["1990000010", SIRET, "nothing", "99 00 00 010", "000000000", "1990000010"]
    answer = client.post("/v1/organizations/lookup", json={"ids": asked})
    batch = OrganizationBatch.model_validate_json(answer.content)
    assert [result.id for result in batch.results] == asked
    assert [result.found for result in batch.results] == [True, False, False, True, False, True]
    assert batch.results[1].candidates == [structure, twin]
    assert answer.headers["directory-edition"] == "2"

"""One professional by any of the ids, and batches."""

from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.practitioners.schemas import Practitioner, PractitionerBatch
from tests.builders import a_mailbox, a_practitioner, a_small_directory, publish

Connection = psycopg.Connection[Any]


@pytest.mark.parametrize("asked", ["99900000060", "899900000060", "9990 0000 060", "8 99900000060"])
def test_every_id_finds_her_with_role_and_mailbox(client: TestClient, registry: Connection, asked: str) -> None:
    edition = a_small_directory(registry)
    answer = client.get(f"/v1/practitioners/{asked}")
    row = registry.execute(
        "SELECT document, sequence, encode(fingerprint, 'hex') FROM publication WHERE kind = 'practitioner'"
    ).fetchone()
    assert row is not None
    assert answer.content == row[0].encode()
    assert answer.headers["etag"] == f'"{row[1]}-{row[2][:16]}"'
    assert answer.headers["directory-edition"] == str(edition)
    person = Practitioner.model_validate_json(answer.content)
    assert (person.family, person.given, person.title) == ("EXEMPLE", "Anne-Élise", "Docteur")
    assert [mailbox.address for mailbox in person.mailboxes] == ["anne.exemple@ch-exemple.mssante.fr"]
    assert [role.organization and role.organization.id for role in person.roles] == ["1990000010"]


def test_a_person_of_whom_little_is_known_fits_the_model(client: TestClient, registry: Connection) -> None:
    publish(registry, ("practitioner", a_practitioner(registry, given=None, title=None, skill=None)))
    assert Practitioner.model_validate_json(client.get("/v1/practitioners/99900000060").content).given is None


@pytest.mark.parametrize("key", ["3990000010/AGENT01", "0123456789"])
def test_the_other_forms_of_the_national_identification_are_found(
    client: TestClient, registry: Connection, key: str
) -> None:
    registry.execute("INSERT INTO practitioner (national_id, register_state) VALUES (%s, 'active')", (key,))
    registry.execute(
        "INSERT INTO practice (practitioner, profession, category, family) VALUES (%s, '40', 'C', 'AGENT')", (key,)
    )
    publish(registry, ("practitioner", key))
    assert client.get(f"/v1/practitioners/{key.replace('/', '%2F')}").json()["national_id"] == key


def test_the_preferred_mailbox_comes_first(client: TestClient, registry: Connection) -> None:
    person = a_practitioner(registry)
    a_mailbox(registry, "a@ch-exemple.mssante.fr", practitioner=person)
    a_mailbox(registry, "z@ch-exemple.mssante.fr", practitioner=person, rank=1)
    publish(registry, ("practitioner", person))
    mailboxes = client.get(f"/v1/practitioners/{person}").json()["mailboxes"]
    assert [mailbox["address"][0] for mailbox in mailboxes] == ["z", "a"]


@pytest.mark.parametrize("state", ["closed", "unknown"])
def test_who_is_not_in_the_register_answers_like_nobody(client: TestClient, registry: Connection, state: str) -> None:
    publish(registry, ("practitioner", a_practitioner(registry, register_state=state)))
    headers = {"X-Request-ID": "the-same"}
    hidden = client.get("/v1/practitioners/99900000060", headers=headers)
    never = client.get("/v1/practitioners/99900000078", headers=headers)
    assert (hidden.status_code, hidden.content) == (404, never.content)
    assert hidden.json()["code"] == "practitioner.unknown"


@pytest.mark.parametrize("asked", ["9" * 400, "a%00b"])
def test_absurd_ids_are_refused(client: TestClient, asked: str) -> None:
    answer = client.get(f"/v1/practitioners/{asked}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/path/id")


def test_a_batch_answers_each_id_in_order(client: TestClient, registry: Connection) -> None:
    edition = a_small_directory(registry)
    asked = ["99900000060", "99900000078", "899900000060", "no one", "99900000060"]
    answer = client.post("/v1/practitioners/lookup", json={"ids": asked})
    batch = PractitionerBatch.model_validate_json(answer.content)
    assert [(result.id, result.found) for result in batch.results] == list(
        zip(asked, [True, False, True, False, True], strict=True)
    )
    assert batch.edition == edition

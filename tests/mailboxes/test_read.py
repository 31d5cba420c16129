"""One mailbox by its address: bytes, tags, and what an absent one tells."""

import json
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.mailboxes.schemas import Mailbox, MailboxBatch
from tests.builders import a_mailbox, a_practitioner, a_small_directory, a_structure, publish

ADDRESS = "anne.exemple@ch-exemple.mssante.fr"
Connection = psycopg.Connection[Any]


def test_the_served_bytes_are_the_published_document_and_fit_the_model(
    client: TestClient, registry: Connection
) -> None:
    edition = a_small_directory(registry)
    answer = client.get(f"/v1/mailboxes/{ADDRESS}")
    row = registry.execute(
        "SELECT document, sequence, encode(fingerprint, 'hex') FROM publication WHERE kind = 'mailbox'"
    ).fetchone()
    assert row is not None
    assert answer.status_code == 200
    assert answer.content == row[0].encode()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["etag"] == f'"{row[1]}-{row[2][:16]}"'
    assert answer.headers["directory-edition"] == str(edition)
    mailbox = Mailbox.model_validate_json(answer.content)
    assert mailbox.practitioner is not None
    assert (mailbox.practitioner.rpps, mailbox.type) == ("99900000060", "PER")


def test_a_mailbox_of_nobody_known_fits_the_model_too(client: TestClient, registry: Connection) -> None:
    publish(registry, ("mailbox", a_mailbox(registry, mailbox_type="APP")))
    assert (
        Mailbox.model_validate_json(client.get(f"/v1/mailboxes/{ADDRESS}").content).attachments[0].practitioner is None
    )


@pytest.mark.parametrize("asked", [ADDRESS.upper(), f"  {ADDRESS} ", ADDRESS.replace("@", "%40")])
def test_case_and_outer_spaces_do_not_matter(client: TestClient, registry: Connection, asked: str) -> None:
    a_small_directory(registry)
    assert client.get(f"/v1/mailboxes/{asked}").json()["address"] == ADDRESS


def test_an_address_with_a_slash_is_found(client: TestClient, registry: Connection) -> None:
    publish(registry, ("mailbox", a_mailbox(registry, "a/b@ch-exemple.mssante.fr")))
    assert client.get("/v1/mailboxes/a%2Fb@ch-exemple.mssante.fr").status_code == 200


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_a_copy_that_is_still_good_is_not_sent_again(client: TestClient, registry: Connection, form: str) -> None:
    a_small_directory(registry)
    tag = client.get(f"/v1/mailboxes/{ADDRESS}").headers["etag"]
    answer = client.get(f"/v1/mailboxes/{ADDRESS}", headers={"If-None-Match": form.format(tag)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == tag
    assert "directory-edition" in answer.headers


def test_another_tag_gets_the_whole_document(client: TestClient, registry: Connection) -> None:
    a_small_directory(registry)
    answer = client.get(f"/v1/mailboxes/{ADDRESS}", headers={"If-None-Match": '"1-0000000000000000"'})
    assert answer.status_code == 200


@pytest.mark.parametrize("column", ["unlisted = true", "state = 'suspended'"])
def test_a_hidden_mailbox_answers_like_one_that_never_was(
    client: TestClient, registry: Connection, column: str
) -> None:
    a_small_directory(registry)
    registry.execute(f"UPDATE mailbox SET {column}".encode())
    publish(registry, ("mailbox", ADDRESS))
    headers = {"X-Request-ID": "the-same"}
    hidden = client.get(f"/v1/mailboxes/{ADDRESS}", headers=headers)
    never = client.get("/v1/mailboxes/never.seen@ch-exemple.mssante.fr", headers=headers)
    assert (hidden.status_code, hidden.content) == (404, never.content)
    assert hidden.headers == never.headers
    assert hidden.json()["code"] == "mailbox.unknown"


def test_a_withdrawn_mailbox_says_since_when_why_and_who_follows(client: TestClient, registry: Connection) -> None:
    a_small_directory(registry)
    successor = a_mailbox(registry, "new@ch-exemple.mssante.fr")
    registry.execute("UPDATE mailbox SET state = 'withdrawn', successor = %s WHERE address = %s", (successor, ADDRESS))
    edition = publish(registry, ("mailbox", ADDRESS), ("mailbox", successor))
    answer = client.get(f"/v1/mailboxes/{ADDRESS}")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (410, "mailbox.withdrawn")
    assert (problem["reason"], problem["successor"]) == ("withdrawn", successor)
    assert problem["since"].endswith("Z")
    assert answer.headers["directory-edition"] == str(edition)


def test_a_successor_on_the_red_list_is_not_told(client: TestClient, registry: Connection) -> None:
    a_small_directory(registry)
    hidden = a_mailbox(registry, "hidden@ch-exemple.mssante.fr", unlisted=True)
    registry.execute("UPDATE mailbox SET state = 'withdrawn', successor = %s WHERE address = %s", (hidden, ADDRESS))
    publish(registry, ("mailbox", ADDRESS), ("mailbox", hidden))
    answer = client.get(f"/v1/mailboxes/{ADDRESS}")
    assert (answer.status_code, answer.json()["successor"]) == (410, None)


@pytest.mark.parametrize("asked", ["", "nobody", "a@b", "é@ch-exemple.mssante.fr", "a b@ch-exemple.mssante.fr"])
def test_what_cannot_be_an_address_is_unknown(client: TestClient, asked: str) -> None:
    assert client.get(f"/v1/mailboxes/{asked}").json()["code"] == "mailbox.unknown"


@pytest.mark.parametrize("asked", ["a%00@ch-exemple.mssante.fr", "a" * 301, "a%1F@ch-exemple.mssante.fr"])
def test_control_characters_and_absurd_lengths_are_refused(client: TestClient, asked: str) -> None:
    answer = client.get(f"/v1/mailboxes/{asked}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/path/address")


def test_a_batch_answers_each_address_in_order_and_keeps_twins(client: TestClient, registry: Connection) -> None:
    edition = a_small_directory(registry)
    document = client.get(f"/v1/mailboxes/{ADDRESS}").text
    asked = [ADDRESS.upper(), "nobody@ch-exemple.mssante.fr", "not an address", ADDRESS, ADDRESS]
    answer = client.post("/v1/mailboxes/lookup", json={"addresses": asked})
    batch = MailboxBatch.model_validate_json(answer.content)
    assert [result.id for result in batch.results] == asked
    assert [result.found for result in batch.results] == [True, False, False, True, True]
    assert answer.text.count(document) == 3
    assert (answer.json()["edition"], answer.headers["directory-edition"]) == (edition, str(edition))
    assert "etag" not in answer.headers


def test_a_hidden_mailbox_is_in_no_batch(client: TestClient, registry: Connection) -> None:
    publish(registry, ("mailbox", a_mailbox(registry, unlisted=True)))
    answer = client.post("/v1/mailboxes/lookup", json={"addresses": [ADDRESS]}).json()
    assert answer["results"] == [{"id": ADDRESS, "found": False}]


@pytest.mark.parametrize(
    "body",
    [
        {"addresses": [ADDRESS] * 1_001},
        {"addresses": ["a\0@b.fr"]},
        {"addresses": ["a" * 301]},
        {"addresses": [1]},
        {"addresses": ADDRESS},
        {"ids": [ADDRESS]},
        {"addresses": [ADDRESS], "more": 1},
        [],
        None,
    ],
)
def test_a_batch_of_another_shape_is_refused(client: TestClient, body: Any) -> None:
    answer = client.post("/v1/mailboxes/lookup", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
    assert answer.json()["errors"]


def test_a_lone_surrogate_is_refused(client: TestClient) -> None:
    answer = client.post(
        "/v1/mailboxes/lookup", content=b'{"addresses": ["\\ud800@b.fr"]}', headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422


def test_a_thousand_addresses_are_one_batch_and_none_is_one_too(client: TestClient, registry: Connection) -> None:
    a_small_directory(registry)
    many = [f"m{number}@ch-exemple.mssante.fr" for number in range(999)] + [ADDRESS]
    results = client.post("/v1/mailboxes/lookup", json={"addresses": many}).json()["results"]
    assert [result["found"] for result in results] == [False] * 999 + [True]
    assert client.post("/v1/mailboxes/lookup", json={"addresses": []}).json()["results"] == []


def test_a_mailbox_of_several_holders_lists_them_all(client: TestClient, registry: Connection) -> None:
    structure, other = a_structure(registry), a_structure(registry, finess="990000028", name="CH ESSAI")
    person = a_practitioner(registry)
    address = a_mailbox(registry, mailbox_type="CAB", practitioner=person, organization=other)
    registry.execute(
        "INSERT INTO mailbox_attachment (address, practitioner, organization) VALUES (%s, %s, %s)",
        (address, person, structure),
    )
    publish(registry, ("mailbox", address))
    mailbox = json.loads(client.get(f"/v1/mailboxes/{address}").content)
    assert [attachment["organization"]["id"] for attachment in mailbox["attachments"]] == [structure, other]
    assert mailbox["organization"]["id"] == structure

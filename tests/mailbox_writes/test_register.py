"""PUT: a mailbox is published at a free address, or what may change of one is replaced."""

import json
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.mailboxes.schemas import Mailbox, OwnMailbox
from tests.builders import DOMAIN, FINESS, RPPS, a_mailbox, a_practitioner, a_structure, publish
from tests.mailbox_writes.operators import ADDRESS, Operator, domain_of, org, per
from tests.publication.world import assert_world

Connection = psycopg.Connection[Any]


def test_a_new_mailbox_is_published_when_the_answer_comes(
    operator: Operator, client: TestClient, world: Connection
) -> None:
    answer = operator.put(ADDRESS, per(service="CARDIOLOGIE", rank=1, dematerialization=True))
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/mailboxes/{ADDRESS}"
    public = client.get(f"/v1/mailboxes/{ADDRESS}")
    mailbox = Mailbox.model_validate_json(public.content)
    assert (mailbox.service, mailbox.rank, mailbox.dematerialization) == ("CARDIOLOGIE", 1, True)
    assert mailbox.operator == operator.id
    assert mailbox.practitioner is not None
    assert mailbox.practitioner.rpps == RPPS
    assert answer.headers["etag"] == public.headers["etag"]
    assert int(answer.headers["directory-edition"]) == int(public.headers["directory-edition"])
    assert ADDRESS in client.get(f"/v1/practitioners/{RPPS}").text
    world.rollback()
    assert_world(world)


def test_the_answer_is_the_owners_view(operator: Operator) -> None:
    answer = operator.put(f"equipe@{DOMAIN}", org(responsible="Anne EXEMPLE", phone="+33 1 99 00 00 00"))
    mailbox = OwnMailbox.model_validate_json(answer.content)
    assert (mailbox.responsible, mailbox.phone, mailbox.liste_rouge, mailbox.state) == (
        "Anne EXEMPLE", "+33 1 99 00 00 00", False, "active",
    )  # fmt: skip
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("named", [RPPS, "8" + RPPS, "999 0000 0060"])
def test_a_person_is_named_by_any_accepted_id(operator: Operator, named: str) -> None:
    answer = operator.put(ADDRESS, per(practitioner=named))
    assert answer.json()["practitioner"]["national_id"] == "8" + RPPS


@pytest.mark.parametrize("named", [FINESS, "1" + FINESS, "F990000010"])
def test_a_structure_is_named_by_any_accepted_id(operator: Operator, world: Connection, named: str) -> None:
    world.execute("UPDATE organization_record SET technical_ids = '{F990000010}'")
    publish(world, ("organization", "1" + FINESS))
    answer = operator.put(f"equipe@{DOMAIN}", org(organization=named))
    assert answer.json()["organization"]["id"] == "1" + FINESS


@pytest.mark.parametrize(
    "body",
    [
        per(),
        per(organization=FINESS),
        org(description="Secrétariat", service="ACCUEIL", responsible="Anne EXEMPLE"),
        {"type": "APP", "organization": FINESS},
        {"type": "CAB", "practitioner": RPPS, "description": "Cabinet partagé"},
        {"type": "CAB", "organization": FINESS},
    ],
)
def test_each_type_is_published_with_what_it_has(operator: Operator, client: TestClient, body: dict[str, Any]) -> None:
    assert operator.put(ADDRESS, body).status_code == 201
    assert client.get(f"/v1/mailboxes/{ADDRESS}").json()["type"] == body["type"]


REFUSED: list[tuple[Any, int, str]] = [
    (per(practitioner=None), 422, "mailbox.holder_missing"),
    (per(practitioner=""), 422, "mailbox.holder_missing"),
    (org(organization=None), 422, "mailbox.holder_missing"),
    ({"type": "APP"}, 422, "mailbox.holder_missing"),
    ({"type": "CAB"}, 422, "mailbox.holder_missing"),
    (org(practitioner=RPPS), 422, "mailbox.member_not_allowed"),
    (per(description="x"), 422, "mailbox.member_not_allowed"),
    (per(responsible="x"), 422, "mailbox.member_not_allowed"),
    ({"type": "CAB", "practitioner": RPPS, "service": "x"}, 422, "mailbox.member_not_allowed"),
    ({"type": "CAB", "practitioner": RPPS, "responsible": "x"}, 422, "mailbox.member_not_allowed"),
    (per(practitioner="99900000078"), 404, "mailbox.practitioner_unknown"),
    (per(practitioner="nobody"), 404, "mailbox.practitioner_unknown"),
    (per(organization="990000028"), 404, "mailbox.organization_unknown"),
    (org(organization="nowhere"), 404, "mailbox.organization_unknown"),
    (per(service="x" * 91), 422, "mailbox.member_limit"),
    (org(description="x" * 76), 422, "mailbox.member_limit"),
    (org(responsible="x" * 46), 422, "mailbox.member_limit"),
    (per(rank=0), 422, "mailbox.member_limit"),
    (per(rank=1_000_000), 422, "mailbox.member_limit"),
    (per(phone="call me"), 422, "mailbox.member_limit"),
    (per(phone="+" + "1" * 20), 422, "mailbox.member_limit"),
    (per(address="other@ch-exemple.mssante.fr"), 422, "mailbox.immutable"),
    (per(unheard_of=1), 422, "request.invalid"),
    (per(liste_rouge=None), 422, "request.invalid"),
    (per(liste_rouge="true"), 422, "request.invalid"),
    (per(rank="1"), 422, "request.invalid"),
    (per(rank=True), 422, "request.invalid"),
    (per(rank=1.5), 422, "request.invalid"),
    (per(state="withdrawn"), 422, "request.invalid"),
    (per(service="a\u0000b"), 422, "request.invalid"),
    (per(service="x" * 1_001), 422, "request.invalid"),
    ({"type": "XYZ"}, 422, "request.invalid"),
    ({"practitioner": RPPS}, 422, "request.invalid"),
    ([], 422, "request.invalid"),
    ("PER", 422, "request.invalid"),
]


def test_what_the_rules_do_not_admit_is_refused_and_writes_nothing(operator: Operator, world: Connection) -> None:
    for body, status, code in REFUSED:
        answer = operator.put(ADDRESS, body)
        assert (body, answer.status_code, answer.json()["code"]) == (body, status, code)
    world.rollback()
    assert world.execute("SELECT count(*) FROM mailbox").fetchone() == (0,)
    assert world.execute("SELECT count(*) FROM audit").fetchone() == (0,)


def test_the_longest_members_are_taken_by_the_letter_not_the_byte(operator: Operator) -> None:
    body = org(service="É" * 90, description="é" * 75, responsible="ß" * 45, rank=999_999, phone="+" + "1" * 19)
    assert operator.put(ADDRESS, body).status_code == 201


def test_a_limit_names_every_member_at_fault(operator: Operator) -> None:
    errors = operator.put(ADDRESS, per(service="x" * 91, rank=0)).json()["errors"]
    assert [(each["pointer"], each["code"]) for each in errors] == [
        ("/body/service", "too_long"), ("/body/rank", "out_of_range"),
    ]  # fmt: skip


def test_texts_are_kept_as_files_are_read(operator: Operator) -> None:
    """The same content has one digest, however it came."""
    answer = operator.put(ADDRESS, per(service="  CARDIO   LOGIE ", phone=" "))
    assert (answer.json()["service"], answer.json()["phone"]) == ("CARDIO LOGIE", None)


def test_a_struck_off_professional_gets_no_mailbox(operator: Operator, world: Connection) -> None:
    a_practitioner(world, rpps="99900000078", register_state="closed")
    a_practitioner(world, rpps="99900000086", register_state="unknown")
    world.commit()
    closed, unknown = (operator.put(ADDRESS, per(practitioner=rpps)) for rpps in ("99900000078", "99900000086"))
    assert (closed.status_code, closed.json()["code"]) == (422, "mailbox.practitioner_inactive")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "mailbox.practitioner_unknown")


def test_a_structure_that_is_only_named_by_a_file_is_not_known(operator: Operator, world: Connection) -> None:
    world.execute("INSERT INTO organization (key) VALUES ('1990000028')")
    world.commit()
    assert operator.put(ADDRESS, org(organization="990000028")).json()["code"] == "mailbox.organization_unknown"


def test_an_id_of_several_structures_chooses_none(operator: Operator, world: Connection) -> None:
    keys = [
        a_structure(world, key=key, finess=None, technical_ids=("SHARED",), name=key) for key in ("R99901", "R99902")
    ]
    publish(world, *(("organization", key) for key in keys))
    answer = operator.put(ADDRESS, org(organization="shared"))
    assert (answer.status_code, answer.json()["code"]) == (412, "mailbox.organization_ambiguous")
    assert answer.json()["candidates"] == keys
    assert operator.put(ADDRESS, org(organization="R99901")).status_code == 201


@pytest.mark.parametrize("spelling", [ADDRESS.upper(), f" {ADDRESS} ", ADDRESS.replace("@", "%40")])
def test_an_address_is_stored_in_lower_case(operator: Operator, client: TestClient, spelling: str) -> None:
    assert operator.put(spelling).json()["address"] == ADDRESS
    assert client.get(f"/v1/mailboxes/{ADDRESS}").status_code == 200


def test_what_is_no_address_is_refused(operator: Operator) -> None:
    for address in (
        f"anne@{DOMAIN}.",
        f'"anne exemple"@{DOMAIN}',
        f"anne@x@{DOMAIN}",
        f"anne@{DOMAIN.replace('e', chr(0x435))}",
        f"anne@{DOMAIN.replace('ch', 'ch' + chr(0x200B))}",
        f"ané@{DOMAIN}",
        DOMAIN,
        f"@{DOMAIN}",
        "a" * 65 + f"@{DOMAIN}",
    ):
        answer = operator.put(address)
        assert (address, answer.status_code, answer.json()["code"]) == (address, 422, "mailbox.address_invalid")


@pytest.mark.parametrize("domain", ["ch.elsewhere.fr", "mssante.fr", "xn--ch-exmple-d4a.mssante.fr"])
def test_a_listed_domain_that_the_trust_space_does_not_take_gets_no_new_address(
    operator: Operator, world: Connection, domain: str
) -> None:
    dn = f"C=FR,CN=bal.exemple,OU={operator.id}"
    world.execute("INSERT INTO domain (name, certificate, source) VALUES (%s, %s, 'liste_blanche')", (domain, dn))
    world.commit()
    answer = operator.put(f"anne@{domain}")
    assert (answer.status_code, answer.json()["code"]) == (422, "mailbox.address_invalid")


def test_an_existing_address_asks_for_the_state_even_when_equal(operator: Operator) -> None:
    tag = operator.put().headers["etag"]
    refused = operator.put()
    assert (refused.status_code, refused.json()["code"]) == (428, "precondition.missing")
    again = operator.put(if_match=tag)
    assert (again.status_code, again.headers["etag"]) == (200, tag)


def test_a_whole_mailbox_replaces_what_may_change(operator: Operator, client: TestClient) -> None:
    tag = operator.put(ADDRESS, per(service="CARDIOLOGIE", rank=2)).headers["etag"]
    answer = operator.put(ADDRESS, per(rank=1), if_match=tag)
    assert (answer.status_code, answer.json()["service"], answer.json()["rank"]) == (200, None, 1)
    assert answer.headers["etag"] != tag
    assert client.get(f"/v1/mailboxes/{ADDRESS}").json()["rank"] == 1


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"if_match": '"1-0000000000000000"'}, 412, "precondition.failed"),
        ({"if_match": "W/{tag}"}, 412, "precondition.failed"),
        ({"if_none_match": "*"}, 412, "mailbox.exists"),
        ({"if_none_match": "W/{tag}", "if_match": "{tag}"}, 412, "mailbox.exists"),
        ({"if_match": '"other", {tag}'}, 200, None),
        ({"if_match": "*"}, 200, None),
        ({"if_match": "{tag}", "if_none_match": '"other"'}, 200, None),
    ],
)
def test_the_state_named_must_be_the_present_one(
    operator: Operator, headers: dict[str, str], status: int, code: str | None
) -> None:
    tag = operator.put().headers["etag"]
    answer = operator.put(ADDRESS, per(rank=3), **{name: value.format(tag=tag) for name, value in headers.items()})
    assert (answer.status_code, answer.json().get("code")) == (status, code)


def test_a_state_of_nothing_is_refused_and_only_if_new_is_taken(operator: Operator) -> None:
    assert operator.put(if_match='"1-0000000000000000"').json()["code"] == "precondition.failed"
    assert operator.put(if_match="*").status_code == 412
    assert operator.put(if_none_match="*").status_code == 201


@pytest.mark.parametrize(
    "body", [org(), per(practitioner="99900000078"), per(organization=FINESS), {"type": "CAB", "practitioner": RPPS}]
)
def test_type_and_holder_never_change(operator: Operator, world: Connection, body: dict[str, Any]) -> None:
    a_practitioner(world, rpps="99900000078")
    world.commit()
    tag = operator.put().headers["etag"]
    answer = operator.put(ADDRESS, body, if_match=tag)
    assert (answer.status_code, answer.json()["code"]) == (422, "mailbox.immutable")


def test_a_mailbox_of_a_file_with_what_nobody_could_write_can_still_be_hidden(
    operator: Operator, world: Connection
) -> None:
    """Of a person whom the register closed, with a service over its limit, and several holders."""
    person = a_practitioner(world, rpps="99900000078", register_state="closed")
    a_mailbox(world, ADDRESS, practitioner=person, service="x" * 120)
    world.execute("INSERT INTO mailbox_attachment (address, practitioner) VALUES (%s, %s)", (ADDRESS, "8" + RPPS))
    publish(world, ("mailbox", ADDRESS))
    answer = operator.put(ADDRESS, per(service="x" * 120, liste_rouge=True), if_match=operator.tag())
    assert answer.status_code == 200
    assert [each["practitioner"]["national_id"] for each in answer.json()["attachments"]] == ["8" + RPPS, person]


def test_a_hidden_mailbox_is_published_nowhere_and_answered_to_its_owner(
    operator: Operator, client: TestClient, world: Connection
) -> None:
    answer = operator.put(ADDRESS, per(liste_rouge=True))
    assert (answer.status_code, answer.json()["sequence"], answer.json()["published_at"]) == (201, None, None)
    assert client.get(f"/v1/mailboxes/{ADDRESS}").json()["code"] == "mailbox.unknown"
    assert ADDRESS not in client.get(f"/v1/practitioners/{RPPS}").text
    world.rollback()
    assert world.execute("SELECT count(*) FROM change WHERE key = %s", (ADDRESS,)).fetchone() == (0,)


def test_a_body_that_is_no_json_or_not_called_so_is_unreadable(operator: Operator, client: TestClient) -> None:
    path, json_type = f"/v1/mailboxes/{ADDRESS}", {"Content-Type": "application/json"}
    twice = b'{"type": "PER", "liste_rouge": true, "liste_rouge": false}'
    for content, kind in (
        (b"{", json_type),
        (b'{"type": NaN}', json_type),
        (twice, json_type),
        (b"\xff", json_type),
        (b"[" * 100_000, json_type),
        (json.dumps(per()).encode(), {"Content-Type": "text/plain"}),
        (json.dumps(per()).encode("utf-16"), json_type),
    ):
        answer = client.put(path, content=content, headers={**operator.headers, **kind})
        assert (answer.status_code, answer.json()["code"]) == (400, "request.unreadable")


def test_names_that_cannot_be_shown_are_refused_in_ascii(operator: Operator, client: TestClient) -> None:
    answer = client.put(
        f"/v1/mailboxes/{ADDRESS}",
        content=b'{"type": "PER", "\\ud800' + b"x" * 500 + b'": 1, "service": "\\ud800"}',
        headers={**operator.headers, "Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
    assert len(answer.content) < 2_000


def test_the_audit_trail_says_who_did_what_on_whose_behalf(operator: Operator, world: Connection) -> None:
    tag = operator.put(x_request_id="first").headers["etag"]
    operator.patch(ADDRESS, {"rank": 2, "liste_rouge": True}, if_match=tag)
    operator.delete(ADDRESS, if_match=operator.tag())
    world.rollback()
    rows = world.execute(
        "SELECT actor, credential, operator, action, object_kind, object_key, detail, before, after, request_id"
        " FROM audit ORDER BY sequence"
    ).fetchall()
    assert [row[3] for row in rows] == ["mailbox.created", "mailbox.changed", "mailbox.withdrawn"]
    assert {row[2:3] + row[4:6] for row in rows} == {(operator.id, "mailbox", ADDRESS)}
    assert all(row[1] == f"key:{row[0]}" for row in rows)
    assert (rows[0][7], rows[0][9]) == (None, "first")
    assert rows[1][6] == "rank, unlisted"
    assert [rows[0][8], rows[1][8]] == [rows[1][7], rows[2][7]]


def test_an_address_in_a_shared_domain_belongs_to_the_one_that_wrote_it(operator: Operator, other: Operator) -> None:
    address = f"anne@{domain_of('shared')}"
    tag = operator.put(address).headers["etag"]
    for answer in (
        other.put(address),
        other.put(address, if_match=tag),
        other.patch(address, {"rank": 1}, if_match=tag),
        other.delete(address, if_match=tag),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "mailbox.not_yours")
    assert other.put(f"bob@{domain_of('shared')}").status_code == 201

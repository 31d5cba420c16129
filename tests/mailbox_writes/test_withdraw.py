"""DELETE: an address is withdrawn, says who follows, and stays with its former holder for a time."""

from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from tests.builders import DOMAIN, RPPS, a_practitioner, a_structure, publish
from tests.mailbox_writes.operators import ADDRESS, Operator, domain_of, org, per

Connection = psycopg.Connection[Any]
SUCCESSOR = f"anne.nouvelle@{DOMAIN}"
TEAM = f"equipe@{DOMAIN}"


def test_a_withdrawn_address_says_since_when_and_who_follows(operator: Operator, client: TestClient) -> None:
    operator.put(SUCCESSOR)
    tag = operator.put().headers["etag"]
    answer = operator.delete(ADDRESS, successor=SUCCESSOR.upper(), if_match=tag)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "etag" not in answer.headers
    gone = client.get(f"/v1/mailboxes/{ADDRESS}")
    assert (gone.status_code, gone.json()["reason"], gone.json()["successor"]) == (410, "withdrawn", SUCCESSOR)
    assert gone.headers["directory-edition"] == answer.headers["directory-edition"]
    assert ADDRESS not in client.get(f"/v1/practitioners/{RPPS}").text
    assert operator.get().status_code == 410


def test_a_successor_is_told_while_it_is_public_and_never_looked_for(operator: Operator, client: TestClient) -> None:
    operator.put()
    operator.delete(ADDRESS, successor=SUCCESSOR, if_match="*")
    assert client.get(f"/v1/mailboxes/{ADDRESS}").json()["successor"] is None
    operator.put(SUCCESSOR, per(liste_rouge=True))
    assert client.get(f"/v1/mailboxes/{ADDRESS}").json()["successor"] is None
    operator.patch(SUCCESSOR, {"liste_rouge": False}, if_match="*")
    assert client.get(f"/v1/mailboxes/{ADDRESS}").json()["successor"] == SUCCESSOR


def test_who_follows_a_professional_that_left_the_register_is_told(
    operator: Operator, client: TestClient, world: Connection
) -> None:
    """The usual order: the register closes the person first, and the operator withdraws the mailbox afterwards."""
    operator.put()
    operator.put(SUCCESSOR, org())
    world.execute("UPDATE practitioner SET register_state = 'closed' WHERE rpps = %s", (RPPS,))
    publish(world, ("practitioner", f"8{RPPS}"))
    assert client.get(f"/v1/mailboxes/{ADDRESS}").json()["reason"] == "holder_inactive"
    assert operator.delete(ADDRESS, successor=SUCCESSOR, if_match="*").status_code == 204
    gone = client.get(f"/v1/mailboxes/{ADDRESS}").json()
    assert (gone["code"], gone["reason"], gone["successor"]) == ("mailbox.withdrawn", "withdrawn", SUCCESSOR)
    assert world.execute("SELECT count(*) FROM notice WHERE code = 'mailbox.restored'").fetchone() == (0,)


def test_a_successor_must_be_another_address(operator: Operator) -> None:
    tag = operator.put().headers["etag"]
    for successor in (ADDRESS, ADDRESS.upper(), "nobody", f"a@b@{DOMAIN}", ""):
        answer = operator.delete(ADDRESS, successor=successor, if_match=tag)
        assert (answer.status_code, answer.json()["code"]) == (422, "mailbox.successor_invalid")
    assert operator.tag() == tag


def test_a_misspelt_parameter_does_not_withdraw(operator: Operator, client: TestClient) -> None:
    tag = operator.put().headers["etag"]
    for query in ("sucessor=a@b.fr", "successor=a@b.fr&successor=c@d.fr"):
        headers = {**operator.headers, "If-Match": tag}
        assert client.delete(f"/v1/mailboxes/{ADDRESS}?{query}", headers=headers).json()["code"] == "request.invalid"
    assert operator.tag() == tag


def test_the_state_must_be_named(operator: Operator) -> None:
    tag = operator.put().headers["etag"]
    assert operator.delete(ADDRESS).json()["code"] == "precondition.missing"
    assert operator.delete(ADDRESS, if_match='"1-0000000000000000"').json()["code"] == "precondition.failed"
    assert operator.delete(ADDRESS, if_match=tag).status_code == 204
    again = operator.delete(ADDRESS, if_match=tag)
    assert (again.status_code, again.json()["code"]) == (410, "mailbox.withdrawn")
    assert operator.delete(f"never@{DOMAIN}", if_match="*").json()["code"] == "mailbox.unknown"


@pytest.mark.parametrize("body", [per(liste_rouge=True), per(state="suspended")])
def test_what_was_hidden_when_it_was_withdrawn_answers_like_what_never_was(
    operator: Operator, client: TestClient, body: dict[str, Any]
) -> None:
    tag = operator.put(ADDRESS, body).headers["etag"]
    assert operator.delete(ADDRESS, if_match=tag).status_code == 204
    headers = {"X-Request-ID": "the-same"}
    never = client.get(f"/v1/mailboxes/never@{DOMAIN}", headers=headers)
    for who in ({}, operator.headers):
        assert client.get(f"/v1/mailboxes/{ADDRESS}", headers={**headers, **who}).content == never.content


def test_nobody_else_gets_the_address_and_its_holder_may_have_it_back(operator: Operator, world: Connection) -> None:
    a_practitioner(world, rpps="99900000078")
    structure = a_structure(world, finess="990000028")
    publish(world, ("organization", structure))
    operator.put(ADDRESS, per(service="AVANT", responsible=None))
    operator.delete(ADDRESS, if_match="*")
    for body in (per(practitioner="99900000078"), org(), {"type": "CAB", "practitioner": "99900000078"}):
        answer = operator.put(ADDRESS, body)
        assert (answer.status_code, answer.json()["code"]) == (409, "mailbox.quarantined")
    back = operator.put(ADDRESS, {"type": "CAB", "practitioner": RPPS, "organization": structure[1:]})
    assert (back.status_code, back.json()["type"], back.json()["service"]) == (201, "CAB", None)
    assert [each["organization"]["id"] for each in back.json()["attachments"]] == [structure]


def test_a_structure_may_have_its_address_back_and_no_other_structure(operator: Operator, world: Connection) -> None:
    publish(world, ("organization", a_structure(world, finess="990000028")))
    operator.put(TEAM, org())
    operator.delete(TEAM, if_match="*")
    assert operator.put(TEAM, org(organization="990000028")).json()["code"] == "mailbox.quarantined"
    assert operator.put(TEAM, {"type": "APP", "organization": "990000010"}).status_code == 201


def test_in_a_shared_domain_the_address_stays_with_the_operator_that_withdrew_it(
    operator: Operator, other: Operator, world: Connection
) -> None:
    address = f"anne@{domain_of('shared')}"
    operator.put(address)
    operator.delete(address, successor=SUCCESSOR, if_match="*")
    assert other.put(address).json()["code"] == "mailbox.quarantined"
    gone = other.patch(address, {}, if_match="*").json()
    assert (gone["code"], gone["successor"]) == ("mailbox.withdrawn", None)
    world.execute("UPDATE mailbox SET withdrawn_at = withdrawn_at - interval '731 days'")
    world.commit()
    assert other.put(address).json()["operator"] == other.id


def test_an_address_that_is_given_out_again_is_no_tombstone_any_more(operator: Operator, client: TestClient) -> None:
    operator.put()
    operator.delete(ADDRESS, if_match="*")
    operator.put()
    assert client.get(f"/v1/mailboxes/{ADDRESS}").status_code == 200
    assert operator.put(if_none_match="*").json()["code"] == "mailbox.exists"

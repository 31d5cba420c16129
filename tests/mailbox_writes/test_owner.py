"""The owner's view: an operator and administrators read what is hidden; for everybody else it never was."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.mailboxes.schemas import OwnMailbox, OwnMailboxPage
from tests.builders import DOMAIN, RPPS, a_mailbox, publish
from tests.mailbox_writes.operators import ADDRESS, Operator, domain_of, org, per

Connection = psycopg.Connection[Any]
TEAM = f"equipe@{DOMAIN}"
HIDDEN = [per(liste_rouge=True), per(state="suspended"), per(liste_rouge=True, state="suspended")]


@pytest.mark.parametrize("body", HIDDEN)
def test_a_hidden_mailbox_is_shown_to_its_operator_and_admins_and_to_nobody_else(
    operator: Operator,
    other: Operator,
    client: TestClient,
    key_for: Callable[..., dict[str, str]],
    reader: dict[str, str],
    body: dict[str, Any],
) -> None:
    written = operator.put(ADDRESS, body)
    headers = {"X-Request-ID": "the-same"}
    same_operator = key_for("read", operator=operator.id)
    for who in (operator.headers, same_operator, key_for("admin")):
        answer = client.get(f"/v1/mailboxes/{ADDRESS}", headers=who)
        mailbox = OwnMailbox.model_validate_json(answer.content)
        assert (answer.content, answer.headers["etag"]) == (written.content, written.headers["etag"])
        assert (mailbox.liste_rouge, mailbox.sequence) == (body.get("liste_rouge", False), None)
        assert answer.headers["cache-control"] == "private, no-cache"
    for nobody in ({}, reader, other.headers, key_for("publish", operator=None)):
        answer, never = (
            client.get(f"/v1/mailboxes/{address}", headers={**headers, **nobody})
            for address in (ADDRESS, f"never@{DOMAIN}")
        )
        assert (answer.status_code, answer.content) == (404, never.content)
        told = [
            {name: value for name, value in each.headers.items() if not name.startswith("ratelimit")}
            for each in (answer, never)
        ]
        assert told[0] == told[1]


def test_a_public_mailbox_shows_its_owner_more_under_the_same_tag(
    operator: Operator, other: Operator, client: TestClient
) -> None:
    operator.put(TEAM, org(responsible="Anne EXEMPLE", phone="0199000000"))
    public, own = client.get(f"/v1/mailboxes/{TEAM}"), operator.get(TEAM)
    assert own.headers["etag"] == public.headers["etag"] == other.get(TEAM).headers["etag"]
    assert own.headers["cache-control"] == "private, no-cache"
    extra = {"liste_rouge": False, "phone": "0199000000", "responsible": "Anne EXEMPLE", "state": "active"}
    assert own.json() == {**public.json(), **extra}
    assert other.get(TEAM).content == public.content
    assert operator.get(TEAM, if_none_match=own.headers["etag"]).status_code == 304


def test_the_document_of_a_hidden_mailbox_is_that_of_a_public_one(operator: Operator, client: TestClient) -> None:
    operator.put(ADDRESS, per(organization="990000010", service="CARDIOLOGIE", rank=2))
    public = client.get(f"/v1/mailboxes/{ADDRESS}").json()
    operator.patch(ADDRESS, {"liste_rouge": True}, if_match="*")
    hidden = operator.get().json()
    differing = {name for name in public if public[name] != hidden[name]}
    assert differing == {"published_at", "sequence", "updated_at"}


def test_a_mailbox_that_no_operator_has_written_is_its_domains_operators(
    operator: Operator, other: Operator, world: Connection
) -> None:
    own, shared, foreign = (f"anne@{domain_of(name)}" for name in ("own", "shared", "other"))
    for address in (own, shared, foreign):
        a_mailbox(world, address, practitioner="8" + RPPS, unlisted=True)
    world.commit()
    shown = [[each.get(address).status_code for address in (own, shared, foreign)] for each in (operator, other)]
    assert shown == [[200, 200, 404], [404, 200, 200]]
    taken = operator.patch(shared, {"rank": 1}, if_match=operator.tag(shared))
    assert taken.json()["operator"] == operator.id
    assert [operator.get(shared).status_code, other.get(shared).status_code] == [200, 404]


def test_a_domain_taken_away_leaves_the_owner_its_view_and_no_right(
    operator: Operator, client: TestClient, world: Connection
) -> None:
    operator.put()
    world.execute("DELETE FROM domain WHERE name = %s", (DOMAIN,))
    publish(world, ("domain", DOMAIN))
    assert client.get(f"/v1/mailboxes/{ADDRESS}").status_code == 410
    own = operator.get()
    assert (own.status_code, own.json()["sequence"]) == (200, None)
    assert operator.patch(ADDRESS, {"rank": 1}, if_match=own.headers["etag"]).json()["code"] == "domain.not_yours"


def test_the_list_holds_all_that_is_ones_own_page_by_page(
    operator: Operator, other: Operator, world: Connection, client: TestClient
) -> None:
    shared = domain_of("shared")
    mine = [f"m{number}@{DOMAIN}" for number in range(5)] + [f"z@{shared}"]
    for number, address in enumerate(mine):
        operator.put(address, per(liste_rouge=number == 1, state="suspended" if number == 2 else "active"))
    operator.put(f"gone@{DOMAIN}")
    operator.delete(f"gone@{DOMAIN}", if_match="*")
    other.put(f"theirs@{shared}", per(liste_rouge=True))
    imported = [a_mailbox(world, address, practitioner="8" + RPPS) for address in (f"a@{DOMAIN}", f"y@{shared}")]
    a_mailbox(world, f"x@{domain_of('other')}")
    world.commit()
    found: list[str] = []
    path: str | None = "/v1/me/mailboxes?limit=3"
    while path:
        answer = client.get(path, headers=operator.headers)
        page = OwnMailboxPage.model_validate_json(answer.content)
        assert (page.total.value, page.total.exact) == (8, True)
        assert answer.headers["cache-control"] == "private, no-cache"
        found += [item.address for item in page.items]
        path = f"/v1/me/mailboxes?limit=3&cursor={page.next}" if page.next else None
    assert found == sorted([*mine, *imported])
    by = {
        query: [
            item["address"]
            for item in client.get(f"/v1/me/mailboxes?{query}", headers=operator.headers).json()["items"]
        ]
        for query in (
            "liste_rouge=true",
            "state=suspended",
            f"domain={shared.upper()}",
            "type=ORG",
            "liste_rouge=false&state=active&domain=" + shared,
        )
    }
    assert list(by.values()) == [
        [mine[1]],
        [mine[2]],
        [f"y@{shared}", f"z@{shared}"],
        [],
        [f"y@{shared}", f"z@{shared}"],
    ]


def test_a_list_of_nothing_is_empty_and_one_needs_an_operator(
    operator: Operator, client: TestClient, key_for: Callable[..., dict[str, str]]
) -> None:
    assert client.get("/v1/me/mailboxes", headers=operator.headers).json()["items"] == []
    refused = client.get("/v1/me/mailboxes", headers=key_for("admin"))
    assert (refused.status_code, refused.json()["code"]) == (403, "operator.missing")
    assert client.get("/v1/me/mailboxes?sate=active", headers=operator.headers).status_code == 422

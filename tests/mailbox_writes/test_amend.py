"""PATCH: a merge patch of what may change."""

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.mailboxes import rules
from app.mailboxes.amend import amend
from app.mailboxes.row import Current, Holder, Row, Standing
from app.mailboxes.wish import MailboxPatch, Wish, address_of
from tests.builders import DOMAIN, FINESS, RPPS, a_mailbox, publish
from tests.mailbox_writes.operators import ADDRESS, Operator, org, per

Connection = psycopg.Connection[Any]
TEAM = f"equipe@{DOMAIN}"
OWN = ("service", "description", "rank", "dematerialization", "liste_rouge", "responsible", "phone", "state")
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=45)
MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    "service": st.none() | TEXTS,
    "description": st.none() | TEXTS,
    "responsible": st.none() | TEXTS,
    "rank": st.none() | st.integers(1, 999_999),
    "dematerialization": st.none() | st.booleans(),
    "liste_rouge": st.booleans(),
    "phone": st.none() | st.from_regex(r"\+?[0-9]{2,15}", fullmatch=True),
    "state": st.sampled_from(["active", "suspended"]),
}
PATCHES = st.fixed_dictionaries({}, optional=MEMBERS)


def merged(target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """RFC 7396 §2, for flat objects whose missing members are null."""
    return {**target, **patch}


def shown(row: Row) -> dict[str, Any]:
    return {member: getattr(row, field) for member, field in rules.CHANGEABLE.items()}


def test_what_is_given_changes_and_the_rest_stays(operator: Operator, client: TestClient) -> None:
    tag = operator.put(TEAM, org(service="ACCUEIL", rank=2, responsible="Anne")).headers["etag"]
    answer = operator.patch(TEAM, {"rank": 1, "service": None, "description": "Secrétariat"}, if_match=tag)
    assert answer.status_code == 200
    assert [answer.json()[name] for name in ("rank", "service", "description", "responsible")] == [
        1, None, "Secrétariat", "Anne",
    ]  # fmt: skip
    assert client.get(f"/v1/mailboxes/{TEAM}").headers["etag"] == answer.headers["etag"] != tag


@given(st.lists(PATCHES, max_size=4))
@settings(max_examples=200)
def test_patches_one_after_the_other_are_those_of_the_standard(patches: list[dict[str, Any]]) -> None:
    address = address_of(TEAM)
    row = Row(address, "ORG", "1", "api", (Holder(None, "1990000010"),))
    expected = shown(row)
    for patch in patches:
        standing = Standing(mailboxes={address: Current(row, '"tag"')})
        body = MailboxPatch.model_validate(patch)
        row = amend("1", Wish("patch", address, body, if_match='"tag"'), body, standing).after
        expected = merged(expected, patch)
        assert shown(row) == expected
        assert (row.type, row.holders, row.address) == ("ORG", (Holder(None, "1990000010"),), address)


@given(patch=PATCHES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_owner_reads_exactly_what_was_patched(operator: Operator, patch: dict[str, Any]) -> None:
    operator.put(TEAM, org())
    before = operator.get(TEAM)
    answer = operator.patch(TEAM, patch, if_match=before.headers["etag"])
    assert answer.status_code == 200
    after = operator.get(TEAM)
    assert {name: after.json()[name] for name in OWN} == merged({name: before.json()[name] for name in OWN}, patch)
    assert (after.headers["etag"], after.content) == (answer.headers["etag"], answer.content)


def test_an_empty_patch_changes_nothing_and_leaves_no_trace(operator: Operator, world: Connection) -> None:
    tag = operator.put().headers["etag"]
    answer = operator.patch(ADDRESS, {}, if_match=tag)
    assert (answer.status_code, answer.headers["etag"]) == (200, tag)
    world.rollback()
    assert world.execute("SELECT count(*) FROM audit").fetchone() == (1,)


REFUSED: list[tuple[Any, int, str]] = [
    ({"type": "ORG"}, 422, "mailbox.immutable"),
    ({"practitioner": "99900000078"}, 422, "mailbox.immutable"),
    ({"practitioner": None}, 422, "mailbox.immutable"),
    ({"organization": FINESS}, 422, "mailbox.immutable"),
    ({"address": f"other@{DOMAIN}"}, 422, "mailbox.immutable"),
    ({"description": "x"}, 422, "mailbox.member_not_allowed"),
    ({"responsible": "x"}, 422, "mailbox.member_not_allowed"),
    ({"service": "x" * 91}, 422, "mailbox.member_limit"),
    ({"rank": 0}, 422, "mailbox.member_limit"),
    ({"liste_rouge": None}, 422, "request.invalid"),
    ({"state": None}, 422, "request.invalid"),
    ({"state": "withdrawn"}, 422, "request.invalid"),
    ({"operator": "x"}, 422, "request.invalid"),
    ({"sequence": 1}, 422, "request.invalid"),
    ([{"op": "remove", "path": "/rank"}], 422, "request.invalid"),
    ("null", 422, "request.invalid"),
]


def test_what_the_rules_do_not_admit_is_refused_and_changes_nothing(operator: Operator) -> None:
    tag = operator.put().headers["etag"]
    for body, status, code in REFUSED:
        answer = operator.patch(ADDRESS, body, if_match=tag)
        assert (body, answer.status_code, answer.json()["code"]) == (body, status, code)
    assert operator.tag() == tag


def test_what_never_changes_may_be_repeated_as_it_is(operator: Operator) -> None:
    tag = operator.put(ADDRESS, per(organization=FINESS)).headers["etag"]
    same = {"address": ADDRESS.upper(), "type": "PER", "practitioner": "8" + RPPS, "organization": "1" + FINESS}
    assert operator.patch(ADDRESS, {**same, "rank": 1}, if_match=tag).json()["rank"] == 1


def test_a_patch_is_called_one_or_plain_json(operator: Operator, client: TestClient) -> None:
    tag = operator.put().headers["etag"]
    for kind, status in (
        ("application/merge-patch+json; charset=utf-8", 200),
        ("application/json-patch+json", 400),
        ("text/plain", 400),
    ):
        headers = {**operator.headers, "Content-Type": kind, "If-Match": tag}
        assert client.patch(f"/v1/mailboxes/{ADDRESS}", content=b"{}", headers=headers).status_code == status


def test_a_state_must_be_named_and_be_the_present_one(operator: Operator) -> None:
    tag = operator.put().headers["etag"]
    assert operator.patch(ADDRESS, {"rank": 1}).json()["code"] == "precondition.missing"
    assert operator.patch(ADDRESS, {"rank": 1}, if_match=tag).status_code == 200
    assert operator.patch(ADDRESS, {"rank": 2}, if_match=tag).json()["code"] == "precondition.failed"


def test_what_is_not_there_cannot_be_changed(operator: Operator) -> None:
    assert operator.patch(ADDRESS, {"rank": 1}, if_match="*").json()["code"] == "mailbox.unknown"
    operator.put()
    operator.delete(ADDRESS, successor=TEAM, if_match=operator.tag())
    gone = operator.patch(ADDRESS, {"rank": 1}, if_match="*")
    assert (gone.status_code, gone.json()["code"], gone.json()["successor"]) == (410, "mailbox.withdrawn", TEAM)


@pytest.mark.parametrize("hide", [{"liste_rouge": True}, {"state": "suspended"}])
def test_a_mailbox_is_hidden_at_once_and_shown_again(
    operator: Operator, client: TestClient, world: Connection, hide: dict[str, Any]
) -> None:
    tag = operator.put().headers["etag"]
    hidden = operator.patch(ADDRESS, hide, if_match=tag)
    headers = {"X-Request-ID": "the-same"}
    never = client.get(f"/v1/mailboxes/never@{DOMAIN}", headers=headers)
    assert client.get(f"/v1/mailboxes/{ADDRESS}", headers=headers).content == never.content
    assert ADDRESS not in client.get(f"/v1/practitioners/{RPPS}").text
    world.rollback()
    assert world.execute("SELECT count(*) FROM withdrawn").fetchone() == (0,)
    shown_again = operator.patch(ADDRESS, {"liste_rouge": False, "state": "active"}, if_match=hidden.headers["etag"])
    assert client.get(f"/v1/mailboxes/{ADDRESS}").headers["etag"] == shown_again.headers["etag"]


def test_the_tag_of_a_hidden_mailbox_changes_with_every_change(operator: Operator) -> None:
    tags = [operator.put(TEAM, org(liste_rouge=True)).headers["etag"]]
    for patch in ({"responsible": "A"}, {"phone": "01"}, {"rank": 1}, {"rank": 2}, {"rank": 1}):
        tags.append(operator.patch(TEAM, patch, if_match=tags[-1]).headers["etag"])
        assert operator.get(TEAM).headers["etag"] == tags[-1]
    assert len(set(tags)) == len(tags)
    assert all(tag.startswith('"0-') and len(tag) == 20 for tag in tags)


def test_a_mailbox_of_a_file_is_taken_over(operator: Operator, other: Operator, world: Connection) -> None:
    shared = "anne@partage.mssante.fr"
    publish(world, ("mailbox", a_mailbox(world, shared, practitioner="8" + RPPS, service="FICHIER")))
    assert other.get(shared).json()["operator"] is None
    answer = operator.patch(shared, {"rank": 1}, if_match=operator.tag(shared))
    assert (answer.json()["operator"], answer.json()["service"]) == (operator.id, "FICHIER")
    assert other.patch(shared, {"rank": 2}, if_match=answer.headers["etag"]).json()["code"] == "mailbox.not_yours"

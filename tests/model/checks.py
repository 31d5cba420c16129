"""The invariants of reliability, each as one function over the system, the model and the follower.

I1, I6   the registry is the model's: what was answered is there, and nothing that should have been refused
I2, I9   the audit trail verifies, and has a row for each act
I4       the follower of the feed holds what is published, which is what a full recompute gives
I5       what LDAP shows is the same mailboxes, with what the model says of them
I7       what is hidden is in no channel
"""

import json
from hashlib import sha256
from typing import Any

from app.access.audit_verify import verify
from app.ldap.entries import entry
from app.ldap.sync import sync_once
from app.ldap.verify import verify as verify_tree
from app.publication.digest import root
from app.publication.digest_tree import root_of
from tests.builders import FINESS
from tests.model.directory import Box, Directory, addresses_of
from tests.model.follower import Follower
from tests.model.system import ADDRESSES, DOMAINS, OPERATORS, PEOPLE, System
from tests.publication.world import FULL, assert_world

ROWS = """
SELECT m.address, m.type, coalesce(substr(a.practitioner, 2), substr(a.organization, 2)), m.operator, m.source, m.rank,
  m.service, m.unlisted, m.state, m.successor
FROM mailbox m JOIN mailbox_attachment a ON a.address = m.address
"""
GHOST = f"nobody@{DOMAINS[0]}"


def everything(system: System, model: Directory, follower: Follower, acts_before: int) -> None:
    """All that must hold after every step."""
    registry_is_the_models(system, model)
    trail_is_whole(system, acts_before + model.acts)
    assert_world(system.connection)
    follower_holds_what_is_published(system, follower)
    everybody_reads_what_the_model_says(system, model, follower)
    operators_read_their_own(system, model)
    hidden_is_nowhere(system, model, follower)
    ldap_shows_the_same(model, follower)


def registry_is_the_models(system: System, model: Directory) -> None:
    rows = {row[0]: tuple(row) for row in system.connection.execute(ROWS)}
    assert rows == {address: _row(box) for address, box in model.boxes.items()}
    states = dict(system.connection.execute("SELECT id, state FROM operator").fetchall())
    assert states == model.operators
    pairs = system.connection.execute(
        "SELECT d.name, c.operator, d.source FROM domain d JOIN operator_certificate c ON c.dn = d.certificate"
    ).fetchall()
    assert {(name, op): source for name, op, source in pairs} == {pair: by.source for pair, by in model.pairs.items()}


def trail_is_whole(system: System, acts: int) -> None:
    found = verify(system.connection)
    assert found.is_whole, found.faults
    assert found.rows == acts


def follower_holds_what_is_published(system: System, follower: Follower) -> None:
    edition = follower.follow(system)
    assert system.connection.execute("SELECT edition FROM directory").fetchone() == (edition,)
    published = {
        (kind, key): json.loads(document) | {"fingerprint": fingerprint.hex()}
        for kind, key, document, fingerprint in system.connection.execute(
            "SELECT kind, key, document, fingerprint FROM publication"
        )
    }
    assert follower.documents == published


def everybody_reads_what_the_model_says(system: System, model: Directory, follower: Follower) -> None:
    public = model.public()
    assert follower.addresses() == set(public)
    for address, box in public.items():
        document = follower.documents["mailbox", address]
        assert _said(document) == {
            "type": box.type,
            "holder": box.holder,
            "operator": model.operator_of(box),
            "rank": box.rank,
            "service": box.service,
        }
    answers = {address: system.get(f"/v1/mailboxes/{address}") for address in {*ADDRESSES, *model.boxes}}
    for address, answer in answers.items():
        if address in public:
            assert answer.status_code == 200
            assert answer.json() | {"fingerprint": None} == follower.documents["mailbox", address] | {
                "fingerprint": None
            }
        elif address in model.tombstones:
            said = answer.json()
            assert (answer.status_code, said["reason"]) == (410, model.tombstones[address].reason)
            assert said["successor"] == model.successor_told(address)
        else:
            assert answer.status_code == 404
    for person in PEOPLE:
        answer = system.get(f"/v1/practitioners/{person}")
        assert answer.status_code == (200 if model.people[person] else 404)
        if model.people[person]:
            told = [each["address"] for each in answer.json()["mailboxes"]]
            assert (len(told), set(told)) == (len(set(told)), addresses_of(public, person))


def operators_read_their_own(system: System, model: Directory) -> None:
    for operator in OPERATORS:
        own = {address for address in model.boxes if model.is_own(operator, address)}
        page = system.get("/v1/me/mailboxes?limit=200", operator).json()
        items = {item["address"]: item for item in page["items"]}
        assert set(items) == own
        for address in own:
            box = model.boxes[address]
            assert {name: items[address][name] for name in box.says()} == box.says()
        one = next(iter(sorted(own)), None)
        assert one is None or system.get(f"/v1/mailboxes/{one}", operator).json() == items[one]


def hidden_is_nowhere(system: System, model: Directory, follower: Follower) -> None:
    public = model.public()
    never = {*ADDRESSES, *model.boxes} - model.were_public
    logged = {key for (key,) in system.connection.execute("SELECT key FROM change WHERE kind = 'mailbox'")}
    assert not logged & never, "an address that never was public stands in the log"
    gone = {*ADDRESSES, *model.boxes} - public.keys()
    shown = json.dumps(list(follower.documents.values()))
    assert not [address for address in gone if address in shown]
    for domain in DOMAINS:
        page = system.get(f"/v1/mailboxes?domain={domain}", "reader").json()
        assert [item["address"] for item in page["items"]] == sorted(
            a for a, box in public.items() if box.domain == domain
        )
        assert page["total"] == {"value": len(page["items"]), "exact": True}
    ghost = system.get(f"/v1/mailboxes/{GHOST}").content
    answers = set()
    for address in gone - model.tombstones.keys():
        readers = (None, "reader", *(op for op in OPERATORS if not model.is_own(op, address)))
        answers |= {system.get(f"/v1/mailboxes/{address}", who).content for who in readers}
    assert answers <= {ghost}


def ldap_shows_the_same(model: Directory, follower: Follower) -> None:
    """Every document as the entry that LDAP makes of it."""
    public = model.public()
    entries = {key: entry(document) for (kind, key), document in follower.documents.items() if kind == "mailbox"}
    assert set(entries) == set(public)
    for address, attributes in entries.items():
        box = public[address]
        person = [box.holder] if box.type == "PER" else None
        assert (attributes["mail"], attributes["TypeBAL"]) == ([address], [box.type])
        assert (attributes.get("ou"), attributes.get("IdentifiantPP")) == (box.service and [box.service], person)


def digest_is_that_of_a_full_recompute(system: System) -> None:
    rows = system.connection.execute(FULL).fetchall()
    expected = root_of((kind, key, sha256(body.encode()).digest()) for kind, key, body in rows)
    assert root(system.connection).root == expected
    assert system.get("/v1/digest", "reader").json()["root"] == expected


def slapd_holds_the_same(system: System, model: Directory) -> None:
    """A real slapd follows, and holds every entry to the letter."""
    sync_once(system.settings)
    found = verify_tree(system.settings)
    assert found.is_equal, found.differences
    assert found.entries == len(model.public())


def _row(box: Box) -> tuple[Any, ...]:
    source, members = box.source, (box.rank, box.service, box.liste_rouge, box.state, box.successor)
    return (box.address, box.type, box.holder, box.operator, source, *members)


def _said(document: dict[str, Any]) -> dict[str, Any]:
    """What a document says of what the model knows."""
    person, structure = document["practitioner"], document["organization"]
    holder = person["rpps"] if person else structure and structure["finess"]
    assert (structure is None) == (holder != FINESS)
    return {name: document[name] for name in ("type", "operator", "rank", "service")} | {"holder": holder}

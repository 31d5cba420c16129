"""Two operators agree on a transfer over REST: who may do what, in which state, and what each learns of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.access.audit_verify import verify
from tests.builders import a_mailbox, publish
from tests.transfers.conftest import (
    ADDRESS,
    GIVER,
    OTHER,
    OWN,
    OWN_ADDRESS,
    RECEIVER,
    SHARED,
    THEIRS,
    Connection,
    Sides,
    share,
)

SOON = (datetime.now(UTC) + timedelta(days=2)).isoformat()


def propose(client: TestClient, headers: dict[str, str], **wanted: Any) -> Any:
    wanted = {name.rstrip("_"): value for name, value in wanted.items()}
    return client.post("/v1/transfers", json={"effective_at": SOON, **wanted}, headers=headers)


def decide(client: TestClient, headers: dict[str, str], number: int, verb: str, **body: Any) -> Any:
    return client.post(f"/v1/transfers/{number}/{verb}", json=body or None, headers=headers)


def codes(client: TestClient, headers: dict[str, str]) -> list[str]:
    return [item["code"] for item in client.get("/v1/me/notices", headers=headers).json()["items"]]


def test_the_giver_proposes_and_the_receiver_agrees(client: TestClient, space: Connection, sides: Sides) -> None:
    answer = propose(client, sides.giver, mailbox=f" {ADDRESS.upper()} ", to=RECEIVER)
    made = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/transfers/{made['id']}")
    assert (made["scope"], made["key"], made["from"], made["to"]) == ("mailbox", ADDRESS, GIVER, RECEIVER)
    assert (made["state"], made["proposed_by"], made["decided_at"]) == ("proposed", GIVER, None)
    agreed = decide(client, sides.receiver, made["id"], "agree")
    assert (agreed.status_code, agreed.json()["state"]) == (200, "agreed")
    for headers in (sides.giver, sides.receiver):
        assert client.get(f"/v1/transfers/{made['id']}", headers=headers).json() == agreed.json()
        assert client.get("/v1/transfers?state=agreed", headers=headers).json()["items"] == [agreed.json()]
    assert (codes(client, sides.giver), codes(client, sides.receiver)) == (["transfer.agreed"], ["transfer.proposed"])
    rows = space.execute("SELECT actor <> '', operator, action, object_key, before, after FROM audit ORDER BY sequence")
    proposed, later = rows.fetchall()
    assert proposed[:5] == (True, GIVER, "transfer.proposed", str(made["id"]), None)
    assert later[:5] == (True, RECEIVER, "transfer.agreed", str(made["id"]), proposed[5])
    space.rollback()
    assert verify(space).is_whole
    assert space.execute("SELECT operator FROM mailbox WHERE address = %s", (ADDRESS,)).fetchone() == (GIVER,)


def test_the_receiver_proposes_and_the_giver_agrees(client: TestClient, sides: Sides) -> None:
    made = propose(client, sides.receiver, mailbox=OWN_ADDRESS, from_=GIVER, new_address=f"anne@{THEIRS}").json()
    assert (made["proposed_by"], made["new_address"]) == (RECEIVER, f"anne@{THEIRS}")
    assert decide(client, sides.giver, made["id"], "agree").json()["state"] == "agreed"


@pytest.mark.parametrize("verb", ["agree", "refuse", "withdraw"])
def test_asked_again_a_decision_is_as_it_is(client: TestClient, space: Connection, sides: Sides, verb: str) -> None:
    number = propose(client, sides.giver, mailbox=ADDRESS, to=RECEIVER).json()["id"]
    side = sides.giver if verb == "withdraw" else sides.receiver
    first, second = (decide(client, side, number, verb) for _ in range(2))
    assert (first.status_code, second.json()) == (200, first.json())
    assert space.execute("SELECT count(*) FROM audit").fetchone() == (2,)
    assert space.execute("SELECT count(*) FROM notice").fetchone() == (2,)


@pytest.mark.parametrize(
    ("steps", "side", "verb", "code"),
    [
        ((), "giver", "agree", "transfer.other_side"),
        ((), "giver", "refuse", "transfer.other_side"),
        ((), "receiver", "withdraw", "transfer.other_side"),
        ((), "other", "agree", "transfer.unknown"),
        ((), "other", "refuse", "transfer.unknown"),
        ((), "other", "withdraw", "transfer.unknown"),
        ((("receiver", "refuse"),), "receiver", "agree", "transfer.closed"),
        ((("giver", "withdraw"),), "receiver", "agree", "transfer.closed"),
        ((("giver", "withdraw"),), "receiver", "refuse", "transfer.closed"),
        ((("receiver", "refuse"),), "giver", "withdraw", "transfer.closed"),
        ((("receiver", "agree"),), "receiver", "refuse", None),
        ((("receiver", "agree"),), "giver", "withdraw", None),
        ((("receiver", "agree"), ("receiver", "refuse")), "receiver", "agree", "transfer.closed"),
    ],
)
def test_who_decides_what_in_which_state(
    client: TestClient, sides: Sides, steps: tuple[Any, ...], side: str, verb: str, code: str | None
) -> None:
    number = propose(client, sides.giver, mailbox=ADDRESS, to=RECEIVER).json()["id"]
    for who, what in steps:
        assert decide(client, getattr(sides, who), number, what).status_code == 200
    answer = decide(client, getattr(sides, side), number, verb)
    assert answer.json().get("code") == code


def test_nothing_is_decided_after_the_hour(client: TestClient, space: Connection, sides: Sides) -> None:
    number = propose(client, sides.giver, mailbox=ADDRESS, to=RECEIVER).json()["id"]
    space.execute("UPDATE transfer SET effective_at = clock_timestamp()")
    space.commit()
    for headers, verb in ((sides.receiver, "agree"), (sides.receiver, "refuse"), (sides.giver, "withdraw")):
        answer = decide(client, headers, number, verb)
        assert (answer.status_code, answer.json()["code"]) == (409, "transfer.closed")


@pytest.mark.parametrize(
    ("side", "wanted", "status", "code"),
    [
        ("giver", {"mailbox": f"nobody@{SHARED}", "to": RECEIVER}, 403, "transfer.not_givers"),
        ("receiver", {"mailbox": ADDRESS, "to": GIVER}, 403, "transfer.not_givers"),
        ("giver", {"mailbox": OWN_ADDRESS, "to": RECEIVER}, 409, "transfer.receiver"),
        ("giver", {"mailbox": ADDRESS, "to": OTHER}, 409, "transfer.receiver"),
        ("giver", {"mailbox": ADDRESS, "to": "nobody"}, 409, "transfer.receiver"),
        ("receiver", {"mailbox": ADDRESS, "from_": "nobody"}, 403, "transfer.not_givers"),
        ("giver", {"domain": THEIRS, "to": RECEIVER}, 403, "transfer.not_givers"),
        ("receiver", {"domain": "autre.mssante.fr", "from_": GIVER}, 403, "transfer.not_givers"),
        ("receiver", {"mailbox": OWN_ADDRESS, "from_": GIVER, "new_address": f"x@{OWN}"}, 409, "transfer.receiver"),
        ("giver", {"mailbox": ADDRESS, "to": GIVER}, 422, "request.invalid"),
        ("giver", {"mailbox": ADDRESS}, 422, "request.invalid"),
        ("giver", {"mailbox": ADDRESS, "to": RECEIVER, "from_": RECEIVER}, 422, "request.invalid"),
        ("giver", {"mailbox": ADDRESS, "domain": OWN, "to": RECEIVER}, 422, "request.invalid"),
        ("giver", {"to": RECEIVER}, 422, "request.invalid"),
        ("giver", {"mailbox": "no address", "to": RECEIVER}, 422, "request.invalid"),
        ("giver", {"domain": "no domain", "to": RECEIVER}, 422, "request.invalid"),
        ("giver", {"mailbox": ADDRESS, "to": RECEIVER, "new_address": f"x@{THEIRS}"}, 422, "request.invalid"),
        ("receiver", {"domain": OWN, "from_": GIVER, "new_address": f"x@{THEIRS}"}, 422, "request.invalid"),
        ("receiver", {"mailbox": ADDRESS, "from_": GIVER, "new_address": ADDRESS}, 422, "request.invalid"),
        ("giver", {"mailbox": ADDRESS, "to": RECEIVER, "effective_at": "2020-01-01T00:00:00Z"}, 409, "transfer.closed"),
        ("giver", {"mailbox": ADDRESS, "to": RECEIVER, "effective_at": "2999-01-01T00:00:00Z"}, 422, "request.invalid"),
        ("giver", {"mailbox": ADDRESS, "to": RECEIVER, "effective_at": "2027-01-01T00:00:00"}, 422, "request.invalid"),
    ],
)
def test_what_cannot_be_proposed(
    client: TestClient, space: Connection, sides: Sides, side: str, wanted: dict[str, Any], status: int, code: str
) -> None:
    answer = propose(client, getattr(sides, side), **wanted)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert space.execute("SELECT count(*) FROM transfer").fetchone() == (0,)
    assert space.execute("SELECT count(*) FROM audit").fetchone() == (0,)


@pytest.mark.parametrize("state", ["candidate", "suspended", "left"])
def test_a_receiver_that_may_not_publish_receives_nothing(
    client: TestClient, space: Connection, sides: Sides, state: str
) -> None:
    space.execute("UPDATE operator SET state = %s, source = 'admin' WHERE id = %s", (state, RECEIVER))
    space.execute("UPDATE domain SET source = 'admin'")
    space.commit()
    answer = propose(client, sides.giver, domain=OWN, to=RECEIVER)
    assert (answer.status_code, answer.json()["code"]) == (409, "transfer.receiver")
    # Why is between the receiver and the directory.
    assert answer.json()["detail"] == f"Operator {RECEIVER} may not publish now."


@pytest.mark.parametrize(("state", "verbs"), [("suspended", ("refuse",)), ("left", ("refuse",))])
def test_who_is_suspended_neither_gives_nor_takes_but_may_refuse(
    client: TestClient, space: Connection, sides: Sides, state: str, verbs: tuple[str, ...]
) -> None:
    number = propose(client, sides.giver, domain=OWN, to=RECEIVER).json()["id"]
    space.execute("UPDATE operator SET state = %s, state_reason = 'en défaut'", (state,))
    space.commit()
    refused = [
        propose(client, sides.giver, domain=SHARED, to=RECEIVER),
        decide(client, sides.receiver, number, "agree"),
    ]
    assert [answer.json()["code"] for answer in refused] == ["operator.not_publishing"] * 2
    assert "en défaut" in refused[0].json()["detail"]
    assert [decide(client, sides.receiver, number, verb).status_code for verb in verbs] == [200]


def test_a_receiver_learns_nothing_of_hidden_mailboxes(client: TestClient, space: Connection, sides: Sides) -> None:
    """A proposal for a hidden mailbox, for one that never was, and for one that is promised elsewhere: one answer."""
    a_mailbox(space, f"secret@{SHARED}", mailbox_type="APP", source="api", unlisted=True)
    space.execute("UPDATE mailbox SET operator = %s", (GIVER,))
    publish(space, ("mailbox", f"secret@{SHARED}"))
    promised = propose(client, sides.giver, mailbox=ADDRESS, to=RECEIVER).json()["id"]
    assert decide(client, sides.receiver, promised, "agree").status_code == 200
    share(space, SHARED, OTHER)
    answers = [
        propose(client, sides.other, mailbox=mailbox, from_=GIVER)
        for mailbox in (f"secret@{SHARED}", f"never@{SHARED}", ADDRESS)
    ]
    varying = ("id", "key", "proposed_at")
    shown = [{name: value for name, value in answer.json().items() if name not in varying} for answer in answers]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert shown[0] == shown[1] == shown[2]


def test_nothing_is_promised_twice(client: TestClient, space: Connection, sides: Sides) -> None:
    share(space, SHARED, OTHER)
    first = propose(client, sides.giver, mailbox=ADDRESS, to=RECEIVER).json()["id"]
    again = propose(client, sides.receiver, mailbox=ADDRESS, from_=GIVER)
    assert (again.status_code, again.json()["code"]) == (409, "transfer.open")
    assert f"transfer {first} " in again.json()["detail"].lower()
    second = propose(client, sides.giver, mailbox=ADDRESS, to=OTHER).json()["id"]
    assert decide(client, sides.receiver, first, "agree").status_code == 200
    answer = decide(client, sides.other, second, "agree")
    assert (answer.status_code, answer.json()["code"]) == (409, "transfer.open")
    answer = propose(client, sides.giver, mailbox=ADDRESS, to=OTHER)
    assert answer.json()["code"] == "transfer.open"
    assert decide(client, sides.giver, first, "withdraw").status_code == 200
    assert decide(client, sides.other, second, "agree").status_code == 200


def test_a_new_address_is_the_receivers_to_give_and_free(client: TestClient, space: Connection, sides: Sides) -> None:
    a_mailbox(space, f"taken@{THEIRS}", mailbox_type="APP", source="api", state="withdrawn")
    space.commit()
    taken = propose(client, sides.receiver, mailbox=OWN_ADDRESS, from_=GIVER, new_address=f"taken@{THEIRS}")
    assert (taken.status_code, taken.json()["code"]) == (409, "transfer.address_taken")
    number = propose(client, sides.giver, mailbox=ADDRESS, to=RECEIVER).json()["id"]
    for body, code in (
        ({"new_address": ADDRESS}, "transfer.new_address"),
        ({"new_address": f"taken@{THEIRS}"}, "transfer.address_taken"),
        ({"new_address": f"x@{OWN}"}, "transfer.receiver"),
        ({"new_address": "no address"}, "request.invalid"),
        ({"address": "x"}, "request.invalid"),
    ):
        assert decide(client, sides.receiver, number, "agree", **body).json()["code"] == code
    agreed = decide(client, sides.receiver, number, "agree", new_address=f"Anne@{THEIRS}")
    assert agreed.json()["new_address"] == f"anne@{THEIRS}"
    domain = propose(client, sides.receiver, domain=OWN, from_=GIVER).json()["id"]
    answer = decide(client, sides.giver, domain, "agree", new_address=f"x@{THEIRS}")
    assert answer.json()["code"] == "transfer.new_address"


def test_the_list_shows_each_side_its_own_and_administrators_all(
    client: TestClient, space: Connection, sides: Sides, key_for: Any
) -> None:
    numbers = [propose(client, sides.giver, **wanted, to=RECEIVER).json()["id"] for wanted in
               ({"mailbox": ADDRESS}, {"domain": OWN}, {"domain": SHARED})]  # fmt: skip
    assert space
    seen: list[int] = []
    url: str | None = "/v1/transfers?limit=2"
    while url:
        page = client.get(url, headers=sides.receiver)
        seen += [item["id"] for item in page.json()["items"]]
        url = page.links["next"]["url"] if "next" in page.links else None
    assert seen == numbers[::-1]
    assert [
        item["id"] for item in client.get("/v1/transfers?scope=mailbox", headers=sides.giver).json()["items"]
    ] == numbers[:1]
    assert client.get("/v1/transfers", headers=sides.other).json()["items"] == []
    assert client.get(f"/v1/transfers/{numbers[0]}", headers=sides.other).json()["code"] == "transfer.unknown"
    assert client.get(f"/v1/transfers/{numbers[0]}", headers=key_for("admin")).status_code == 200
    assert len(client.get("/v1/transfers", headers=key_for("admin")).json()["items"]) == 3
    assert client.get("/v1/transfers", headers=key_for("read")).json()["code"] == "operator.missing"
    assert client.get("/v1/transfers/999", headers=sides.giver).status_code == 404

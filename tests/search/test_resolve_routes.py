"""`POST /v1/resolve`: who is meant, what is answered, what is refused, what it costs."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.mailboxes.use import DOCUMENTS
from app.pools import read_pool
from app.search import resolve_places
from app.search.resolve_reading import snapshot
from app.search.resolve_schemas import ALTERNATIVES, CANDIDATES, Resolution
from app.settings import Settings
from tests.builders import DOMAIN, FINESS, RPPS, a_mailbox, a_practitioner, a_structure, publish

Connection = psycopg.Connection[Any]
Ask = Callable[..., Resolution]
ANNE = f"anne@{DOMAIN}"


@pytest.fixture
def ask(client: TestClient, reader: dict[str, str]) -> Ask:
    """The answer to a question about a letter."""

    def asked(**body: Any) -> Resolution:
        answer = client.post("/v1/resolve", json={"document": "letter", **body}, headers=reader)
        assert answer.status_code == 200, answer.text
        told = Resolution.model_validate_json(answer.content)
        assert answer.headers["Directory-Edition"] == str(told.edition)
        assert "etag" not in answer.headers
        return told

    return asked


def address(told: Resolution) -> str | None:
    return told.mailbox.address if told.mailbox else None


def reason(told: Resolution) -> str | None:
    return told.reason.code if told.reason else None


def notes(told: Resolution) -> list[str]:
    return [note.code for note in told.notes]


@pytest.fixture
def people(registry: Connection) -> dict[str, str]:
    """Anne at one hospital, her namesake in another town, Zoé, and a hospital of services."""
    near = a_structure(registry)
    far = a_structure(
        registry, finess="990000028", name="CH LOINTAIN", city="LYON", postal_code="69003", department="69"
    )
    anne = a_practitioner(registry, organization=near)
    twin = a_practitioner(registry, rpps="99900000061", organization=far)
    zoe = a_practitioner(registry, rpps="99900000062", family="SPECIMEN", given="Zoé", organization=near)
    a_mailbox(registry, ANNE, practitioner=anne, organization=near)
    a_mailbox(registry, f"twin@{DOMAIN}", practitioner=twin, organization=far)
    a_mailbox(registry, f"cardio@{DOMAIN}", mailbox_type="ORG", organization=near, service="Cardiologie")
    a_mailbox(registry, f"desk@{DOMAIN}", mailbox_type="ORG", organization=near)
    keys = {"near": near, "far": far, "anne": anne, "twin": twin, "zoe": zoe}
    kinds = {"near": "organization", "far": "organization"}
    boxes = [("mailbox", f"{name}@{DOMAIN}") for name in ("anne", "twin", "cardio", "desk")]
    publish(registry, *[(kinds.get(name, "practitioner"), key) for name, key in keys.items()], *boxes)
    return keys


@pytest.mark.parametrize("rpps", [RPPS, f"8{RPPS}", f" {RPPS[:3]} {RPPS[3:]} "])
def test_a_person_by_any_id(ask: Ask, people: dict[str, str], rpps: str) -> None:
    told = ask(practitioner=rpps)
    assert (address(told), told.fallback, reason(told)) == (ANNE, None, None)
    assert told.recipient
    assert told.recipient.model_dump() == {"kind": "practitioner", "id": people["anne"], "name": "EXEMPLE Anne-Élise"}
    assert told.rule
    assert (told.rule.id, told.document.use) == ("person", "care")
    assert [(each.mailbox.address, each.rule.id, each.fallback) for each in told.alternatives] == [
        (f"desk@{DOMAIN}", "structure", "structure")
    ]


@pytest.mark.parametrize("id_", [FINESS, f"1{FINESS}", f" {FINESS} "])
@pytest.mark.usefixtures("people")
def test_a_structure_by_any_id(ask: Ask, id_: str) -> None:
    told = ask(organization=id_)
    assert (address(told), told.fallback) == (f"desk@{DOMAIN}", None)
    assert told.recipient
    assert (told.recipient.kind, told.recipient.name) == ("organization", "CH EXEMPLE")


@pytest.mark.usefixtures("people")
def test_documents_are_those_that_a_look_up_shows(client: TestClient, reader: dict[str, str]) -> None:
    told = client.post("/v1/resolve", json={"document": "letter", "practitioner": RPPS}, headers=reader).json()
    assert told["mailbox"] == client.get(f"/v1/mailboxes/{ANNE}", headers=reader).json()
    desk = client.get(f"/v1/mailboxes/desk@{DOMAIN}", headers=reader).json()
    assert [each["mailbox"] for each in told["alternatives"]] == [desk]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"practitioner": "99900000099"}, "recipient.unknown"),
        ({"practitioner": "nobody"}, "recipient.unknown"),
        ({"practitioner": ""}, "recipient.unknown"),
        ({"organization": "990000099"}, "recipient.unknown"),
        ({"organization": "000"}, "recipient.unknown"),
        ({"practitioner": RPPS, "organization": "990000099"}, "recipient.unknown"),
        ({"address": f"nobody@{DOMAIN}"}, "address.unknown"),
        ({"address": "no address"}, "address.unknown"),
        ({"family": "personne"}, "recipient.unknown"),
    ],
)
@pytest.mark.usefixtures("people")
def test_nobody_is_meant(ask: Ask, body: dict[str, str], expected: str) -> None:
    told = ask(**body)
    assert (address(told), reason(told), told.candidates, told.recipient) == (None, expected, [], None)


def test_one_person_of_exactly_this_name_is_taken(ask: Ask, people: dict[str, str]) -> None:
    told = ask(name="anne-elise exemple", city="lyon")
    assert told.recipient
    assert (told.recipient.id, address(told)) == (people["twin"], f"twin@{DOMAIN}")
    assert address(ask(family="Exemple", given="Anne-Élise", department="25")) == ANNE
    assert reason(ask(name="zoe specimen")) is None


def test_several_of_a_name_are_candidates(ask: Ask, people: dict[str, str]) -> None:
    told = ask(name="anne-elise exemple")
    assert (address(told), reason(told), told.more_candidates) == (None, "recipient.ambiguous", False)
    assert {each.id: each.places for each in told.candidates} == {
        people["anne"]: ["25000 BESANCON"],
        people["twin"]: ["69003 LYON"],
    }
    assert {each.profession for each in told.candidates} == {"Médecin"}


def test_a_name_that_only_begins_so_is_a_candidate_even_alone(ask: Ask, people: dict[str, str]) -> None:
    told = ask(name="speci zoe")
    assert (address(told), reason(told)) == (None, "recipient.inexact")
    assert [each.id for each in told.candidates] == [people["zoe"]]


def test_more_candidates_than_are_shown_are_said_to_be(ask: Ask, registry: Connection) -> None:
    crowd = [a_practitioner(registry, rpps=f"999000001{number:02}", family="FOULE") for number in range(CANDIDATES + 1)]
    publish(registry, *[("practitioner", each) for each in crowd])
    told = ask(family="foule")
    assert (len(told.candidates), told.more_candidates) == (CANDIDATES, True)


def test_an_id_of_several_structures_names_them(ask: Ask, registry: Connection) -> None:
    siret = "99900000000018"
    keys = [a_structure(registry, finess=finess, siret=siret) for finess in ("990000010", "990000028")]
    publish(registry, *[("organization", key) for key in keys])
    told = ask(organization=siret)
    assert (address(told), reason(told)) == (None, "recipient.ambiguous")
    assert {each.id for each in told.candidates} == set(keys)


def test_structures_to_choose_between_are_named(ask: Ask, registry: Connection, people: dict[str, str]) -> None:
    registry.execute(
        "INSERT INTO practitioner_role (id, practitioner, profession, category, organization, mode, sector)"
        " VALUES ('second', %s, '10', 'C', %s, 'S', 'SA01')",
        (people["zoe"], people["far"]),
    )
    far = a_mailbox(registry, f"far@{DOMAIN}", mailbox_type="ORG", organization=people["far"])
    publish(registry, ("practitioner", people["zoe"]), ("mailbox", far))
    told = ask(practitioner="99900000062")
    assert (address(told), reason(told)) == (None, "structure.needed")
    assert [(each.id, each.name) for each in told.candidates] == [
        (people["near"], "CH EXEMPLE"),
        (people["far"], "CH LOINTAIN"),
    ]
    assert address(ask(practitioner="99900000062", organization="990000028")) == far


@pytest.mark.parametrize("text", [ANNE, ANNE.upper(), f" {ANNE} "])
@pytest.mark.usefixtures("people")
def test_an_address_means_its_holder(ask: Ask, text: str) -> None:
    told = ask(address=text)
    assert (address(told), notes(told)) == (ANNE, [])


def test_a_better_address_of_the_same_holder_is_told(ask: Ask, registry: Connection, people: dict[str, str]) -> None:
    better = a_mailbox(registry, f"better@{DOMAIN}", practitioner=people["anne"], rank=1)
    publish(registry, ("mailbox", better))
    told = ask(address=ANNE)
    assert (address(told), notes(told)) == (better, ["address.other"])
    assert told.alternatives[0].mailbox.address == ANNE


def test_the_structure_of_the_address_stands_in_for_the_person(
    ask: Ask, registry: Connection, people: dict[str, str]
) -> None:
    """Anne's mailbox there takes no program's message; the hospital's does, and not the one where she works too."""
    registry.execute(
        "INSERT INTO practitioner_role (id, practitioner, profession, category, organization, mode, sector)"
        " VALUES ('second', %s, '10', 'C', %s, 'S', 'SA01')",
        (people["anne"], people["far"]),
    )
    boxes = [
        a_mailbox(registry, f"{place}@{DOMAIN}", mailbox_type="APP", organization=people[place])
        for place in ("near", "far")
    ]
    publish(registry, ("practitioner", people["anne"]), *[("mailbox", each) for each in boxes])
    assert address(ask(address=ANNE, document="application_message")) == boxes[0]
    assert reason(ask(practitioner=RPPS, document="application_message")) == "structure.needed"


@pytest.mark.usefixtures("people")
def test_the_address_of_a_service_means_that_service(ask: Ask) -> None:
    told = ask(address=f"cardio@{DOMAIN}")
    assert told.rule
    assert (address(told), told.rule.id) == (f"cardio@{DOMAIN}", "service")


def test_the_address_that_follows_a_withdrawn_one(ask: Ask, registry: Connection, people: dict[str, str]) -> None:
    for name, successor in (("old", ANNE), ("gone", None)):
        old = a_mailbox(registry, f"{name}@{DOMAIN}", practitioner=people["anne"], successor=successor)
        publish(registry, ("mailbox", old))
        registry.execute("UPDATE mailbox SET state = 'withdrawn' WHERE address = %s", (old,))
        publish(registry, ("mailbox", old))
    followed, gone = ask(address=f"old@{DOMAIN}"), ask(address=f"gone@{DOMAIN}")
    assert (address(followed), notes(followed)) == (ANNE, ["address.replaced"])
    assert (address(gone), reason(gone)) == (None, "address.withdrawn")


@pytest.mark.parametrize("hidden", [{"unlisted": True}, {"state": "suspended"}])
@pytest.mark.usefixtures("people")
def test_a_hidden_address_is_one_that_never_was(
    client: TestClient, reader: dict[str, str], registry: Connection, hidden: dict[str, Any]
) -> None:
    a_mailbox(registry, f"hidden@{DOMAIN}", **hidden)
    publish(registry, ("mailbox", f"hidden@{DOMAIN}"))
    bodies = [{"document": "letter", "address": f"{name}@{DOMAIN}"} for name in ("hidden", "never")]
    answers = [client.post("/v1/resolve", json=body, headers=reader) for body in bodies]
    assert answers[0].content == answers[1].content


def test_a_mailbox_that_nobody_is_known_to_hold_stands_for_itself(ask: Ask, registry: Connection) -> None:
    alone = a_mailbox(registry, f"alone@{DOMAIN}", mailbox_type="ORG")
    publish(registry, ("mailbox", alone))
    told = ask(address=alone)
    assert told.recipient
    assert (address(told), told.recipient.kind, told.fallback) == (alone, "mailbox", None)
    assert reason(ask(address=alone, document="application_message")) == "mailbox.unfit"


def test_the_address_of_several_persons_names_them(ask: Ask, registry: Connection, people: dict[str, str]) -> None:
    shared = a_mailbox(registry, f"shared@{DOMAIN}", practitioner=people["anne"])
    registry.execute("INSERT INTO mailbox_attachment (address, practitioner) VALUES (%s, %s)", (shared, people["zoe"]))
    publish(registry, ("mailbox", shared))
    told = ask(address=shared)
    assert (address(told), reason(told)) == (None, "recipient.ambiguous")
    assert {each.id for each in told.candidates} == {people["anne"], people["zoe"]}


def test_a_person_that_only_the_file_of_mailboxes_names(ask: Ask, registry: Connection) -> None:
    registry.execute(
        "INSERT INTO practitioner (national_id, rpps, register_state) VALUES (%s, %s, 'unknown')", ("8" + RPPS, RPPS)
    )
    a_mailbox(registry, ANNE, practitioner="8" + RPPS)
    publish(registry, ("mailbox", ANNE))
    told = ask(practitioner=RPPS)
    assert told.recipient
    assert (address(told), told.recipient.id) == (ANNE, "8" + RPPS)


def test_alternatives_are_counted_beyond_those_shown(ask: Ask, registry: Connection) -> None:
    structure = a_structure(registry)
    addresses = [f"m{number:02}@{DOMAIN}" for number in range(ALTERNATIVES + 4)]
    for each in addresses:
        a_mailbox(registry, each, mailbox_type="ORG", organization=structure)
    publish(registry, ("organization", structure), *[("mailbox", each) for each in addresses])
    told = ask(organization=FINESS)
    shown = [each.mailbox.address for each in told.alternatives]
    assert [address(told), *shown] == addresses[: ALTERNATIVES + 1]
    assert told.more_alternatives == 3


@pytest.mark.usefixtures("people")
def test_a_structure_of_too_many_mailboxes_is_no_guess(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve_places, "MOST_MAILBOXES", 1)
    told = ask(organization=FINESS)
    assert (address(told), reason(told), told.alternatives) == (None, "mailbox.too_many", [])


@pytest.mark.parametrize(
    "body",
    [
        {"document": "letter"},
        {"practitioner": RPPS},
        {"practitioner": RPPS, "document": "poem"},
        {"practitioner": RPPS, "document": None},
        {"practitioner": RPPS, "address": ANNE, "document": "letter"},
        {"practitioner": RPPS, "name": "anne", "document": "letter"},
        {"practitioner": RPPS, "city": "lyon", "document": "letter"},
        {"given": "anne", "city": "lyon", "document": "letter"},
        {"organization": FINESS, "postal_code": "25000", "document": "letter"},
        {"practitioner": RPPS, "document": "letter", "size": -1},
        {"practitioner": RPPS, "document": "letter", "size": "many"},
        {"practitioner": RPPS, "document": "letter", "servise": "cardiologie"},
        {"practitioner": "a\x00b", "document": "letter"},
        {"practitioner": ["a"], "document": "letter"},
        {"name": "。。", "document": "letter"},
        {"name": "a b c d e f g h i j k l m", "document": "letter"},
        [],
        "letter",
    ],
)
def test_what_cannot_be_asked_is_refused(client: TestClient, reader: dict[str, str], body: Any) -> None:
    answer = client.post("/v1/resolve", json=body, headers=reader)
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")


@pytest.mark.usefixtures("people")
def test_without_a_key_a_name_must_narrow(client: TestClient) -> None:
    answer = client.post("/v1/resolve", json={"name": "a", "document": "letter"})
    assert (answer.status_code, answer.json()["code"]) == (422, "search.too_broad")
    assert client.post("/v1/resolve", json={"name": "zoe specimen", "document": "letter"}).status_code == 200


def test_whoever_is_shown_is_charged_once(
    client: TestClient, key_for: Callable[..., dict[str, str]], people: dict[str, str]
) -> None:
    """Anne and the mailbox of nobody known beside her; her namesake, named as a candidate."""
    bound = key_for("read", budget=3)

    def asked(**body: str) -> tuple[int, int]:
        answer = client.post("/v1/resolve", json={"document": "letter", **body}, headers=bound)
        return answer.status_code, client.get("/v1/me", headers=bound).json()["budget"]["left"]

    assert asked(practitioner="99900000099") == (200, 3)
    assert asked(practitioner=RPPS) == (200, 1)
    assert asked(practitioner=RPPS) == (200, 1)
    assert asked(address=ANNE) == (200, 1)
    assert asked(name="anne-elise exemple") == (200, 0)
    assert asked(name="zoe specimen") == (429, 0)
    assert (
        people["zoe"]
        not in client.post(
            "/v1/resolve", json={"document": "letter", "practitioner": "99900000062"}, headers=bound
        ).text
    )


values = st.none() | st.text(max_size=40) | st.integers() | st.sampled_from([RPPS, FINESS, ANNE, "anne", *DOCUMENTS])
members = st.sampled_from(
    ["practitioner", "organization", "address", "name", "family", "given", "city", "document", "service", "size"]
)


@given(body=st.dictionaries(members, values, max_size=5), document=st.sampled_from(sorted(DOCUMENTS)))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_any_question_has_an_answer_or_a_clear_refusal(
    client: TestClient, reader: dict[str, str], body: dict[str, Any], document: str
) -> None:
    content = json.dumps({"document": document, **body})
    sent = {**reader, "Content-Type": "application/json"}
    answer = client.post("/v1/resolve", content=content, headers=sent)
    assert answer.status_code in {200, 422}, content
    if answer.status_code == 200:
        Resolution.model_validate_json(answer.content)


def test_a_longer_name_is_not_taken_for_the_one_typed(
    client: TestClient, registry: Connection, reader: dict[str, str]
) -> None:
    person = a_practitioner(registry, family="MARTIN-DUPONT", given="Anne")
    a_mailbox(registry, practitioner=person)
    publish(registry, ("practitioner", person))
    for name, reason in (("anne martin", "recipient.inexact"), ("martin dupont anne", None)):
        answer = client.post("/v1/resolve", json={"name": name, "document": "letter"}, headers=reader).json()
        assert (answer["reason"] or {}).get("code") == reason, name


@pytest.mark.parametrize("name", ["。。", "a b c d e f g h i j k l m"])
def test_a_name_that_says_nothing_is_pointed_to_in_the_body(
    client: TestClient, reader: dict[str, str], name: str
) -> None:
    answer = client.post("/v1/resolve", json={"name": name, "document": "letter"}, headers=reader).json()
    assert [fault["pointer"] for fault in answer["errors"]] == ["/body/name"]


@pytest.mark.usefixtures("people")
def test_what_is_read_is_of_one_moment(api_settings: Settings, registry: Connection) -> None:
    """The transaction ends with it: the next one reads what was published meanwhile."""

    async def read() -> list[tuple[int, list[str]]]:
        seen = []
        async with read_pool(api_settings.model_copy(update={"database_pool": 1})) as pool:
            async with snapshot(pool) as moment:
                for new in ("x", "y"):
                    held = await moment.mailboxes((), [f"1{FINESS}"])
                    seen.append((await moment.edition(), sorted(each.key for each in held)))
                    a_mailbox(registry, f"{new}@{DOMAIN}", mailbox_type="ORG", organization=f"1{FINESS}")
                    publish(registry, ("mailbox", f"{new}@{DOMAIN}"))
            async with snapshot(pool) as moment:
                held = await moment.mailboxes((), [f"1{FINESS}"])
                seen.append((await moment.edition(), sorted(each.key for each in held)))
        return seen

    first, second, after = asyncio.run(read())
    assert first == second == (9, [f"cardio@{DOMAIN}", f"desk@{DOMAIN}"])
    assert after == (11, [f"{name}@{DOMAIN}" for name in ("cardio", "desk", "x", "y")])

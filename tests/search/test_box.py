"""One box for people, structures, addresses and numbers."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.search.box_reading import Means, meant
from app.search.box_schemas import Box
from tests.builders import DOMAIN, a_mailbox, a_practitioner, a_structure, publish

Connection = psycopg.Connection[Any]
ADDRESS, HIDDEN, SUSPENDED = (f"{who}.exemple@{DOMAIN}" for who in ("anne", "cachee", "suspen"))
SIRET = "00000001800010"


@pytest.fixture
def directory(registry: Connection) -> Connection:
    structure = a_structure(registry, name="CH EXEMPLE", siret=SIRET)
    twin = a_structure(registry, finess="990000028", siret=SIRET, name="PHARMACIE DU LAC", city="LILLE")
    person = a_practitioner(registry, organization=structure)
    published = [("organization", structure), ("organization", twin), ("practitioner", person)]
    for address, wish in ((ADDRESS, {}), (HIDDEN, {"unlisted": True}), (SUSPENDED, {"state": "suspended"})):
        published.append(("mailbox", a_mailbox(registry, address, practitioner=person, **wish)))
    publish(registry, *published)
    return registry


def look(client: TestClient, q: str, **more: str) -> Box:
    return Box.model_validate_json(client.get("/v1/search", params={"q": q, **more}).content)


def found(box: Box) -> tuple[list[str | None], list[str | None], list[str]]:
    return (
        [item.rpps for item in box.practitioners.items],
        [item.finess for item in box.organizations.items],
        [item.address for item in box.mailboxes.items],
    )


PERSON, STRUCTURE, TWIN = "99900000060", "990000010", "990000028"
CASES: tuple[tuple[str, str, tuple[list[str], list[str], list[str]]], ...] = (
    ("exemple", "name", ([PERSON], [STRUCTURE], [])),
    ("Anne Exemple", "name", ([PERSON], [], [])),
    ("pharmacie lille", "name", ([], [TWIN], [])),
    ("ch besançon", "name", ([], [STRUCTURE], [])),
    (PERSON, "id", ([PERSON], [], [])),
    ("999 000 000 60", "id", ([PERSON], [], [])),
    ("8 99900000060", "id", ([PERSON], [], [])),
    ("990000010", "id", ([], [STRUCTURE], [])),
    ("99 00 00 010", "id", ([], [STRUCTURE], [])),
    ("1990000028", "id", ([], [TWIN], [])),
    (SIRET, "id", ([], [STRUCTURE, TWIN], [])),
    ("000.000.018-00010", "id", ([], [STRUCTURE, TWIN], [])),
    ("99900000061", "id", ([], [], [])),
    (ADDRESS.upper(), "address", ([], [], [ADDRESS])),
    (HIDDEN, "address", ([], [], [])),
    ("anne@", "address", ([], [], [])),
    ("personne du tout", "name", ([], [], [])),
)


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(("q", "means", "wanted"), CASES)
def test_the_form_of_a_text_says_what_it_is(client: TestClient, q: str, means: str, wanted: Any) -> None:
    box = look(client, q)
    assert (box.meant, found(box)) == (means, wanted)
    for group in (box.practitioners, box.organizations, box.mailboxes):
        assert (group.total.value, group.total.exact) == (len(group.items), True)


@pytest.mark.parametrize("q", ["75012", "rue 12", "2026", "CH 12", "12 rue de la paix", "a1", "R12"])
def test_short_numbers_are_words(q: str) -> None:
    assert meant(q) is Means.NAME


@pytest.mark.usefixtures("directory")
def test_each_group_leads_to_all_of_it(client: TestClient) -> None:
    for q in ("exemple", PERSON, STRUCTURE, ADDRESS):
        box = look(client, q)
        for group in (box.practitioners, box.organizations, box.mailboxes):
            shown = group.items
            assert bool(group.all) or not shown
            answer = client.get(group.all).json() if shown and group.all else {}
            assert len(answer.get("items", [answer])) >= len(shown)
            assert all(urlsplit(group.all or "").path.startswith("/v1/") for _ in shown)


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("address", [HIDDEN, SUSPENDED])
def test_a_hidden_mailbox_is_absent_like_one_that_never_was(client: TestClient, address: str) -> None:
    never = client.get("/v1/search", params={"q": f"jamais.exemple@{DOMAIN}"})
    hidden = client.get("/v1/search", params={"q": address})
    assert (hidden.status_code, hidden.content) == (200, never.content)
    assert hidden.headers["etag"] == never.headers["etag"]
    for q in ("exemple", PERSON, "cachee", "suspen"):
        assert address not in client.get("/v1/search", params={"q": q}).text


def test_a_group_shows_its_first_and_counts_the_rest(client: TestClient, registry: Connection) -> None:
    keys = [a_structure(registry, finess=f"9900001{number:02d}", name=f"CH NUMERO {number}") for number in range(8)]
    publish(registry, *[("organization", key) for key in keys])
    box = look(client, "ch numero", limit="3")
    assert ([item.id for item in box.organizations.items], box.organizations.total.value) == (keys[:3], 8)
    assert box.edition == 8


def test_people_are_charged_to_the_budget_and_a_group_says_where_it_ends(
    client: TestClient, registry: Connection, key_for: Callable[..., dict[str, str]]
) -> None:
    rpps = ("99900000060", "99900000078", "99900000086")
    keys = [a_practitioner(registry, rpps=number, given=f"A{number[-2:]}") for number in rpps]
    publish(registry, *[("practitioner", key) for key in keys])
    bound = key_for("read", budget=2)
    answer = client.get("/v1/search", params={"q": "exemple"}, headers=bound)
    box = Box.model_validate_json(answer.content)
    assert (len(box.practitioners.items), box.practitioners.cut) == (2, "budget.exhausted")
    assert box.practitioners.total.value == 3
    refused = client.get("/v1/search", params={"q": rpps[2]}, headers=bound)
    assert (refused.status_code, refused.json()["code"]) == (429, "budget.exhausted")


@pytest.mark.parametrize("q", ["", "北京", "--", "ex", "x" * 201, "a\x00b", "a b c d e f g h i j k l m n"])
def test_what_cannot_be_searched_is_refused_by_name(client: TestClient, q: str) -> None:
    answer = client.get("/v1/search", params={"q": q})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/query/q"


def test_a_repeated_or_unknown_parameter_is_refused(client: TestClient) -> None:
    assert client.get("/v1/search?q=exemple&q=autre").status_code == 422
    assert client.get("/v1/search?q=exemple&name=autre").status_code == 422


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(q=st.text(min_size=1, max_size=200) | st.text("0123456789AB @/.-+ex", min_size=1, max_size=30))
@pytest.mark.usefixtures("directory")
def test_any_text_is_answered_or_refused(client: TestClient, reader: dict[str, str], q: str) -> None:
    answer = client.get("/v1/search", params={"q": q}, headers=reader)
    if answer.status_code == 422:
        assert answer.json()["errors"][0]["pointer"] == "/query/q"
    else:
        assert answer.status_code == 200
        Box.model_validate_json(answer.content)

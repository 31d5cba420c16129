"""Every answer that shows persons is charged before it leaves, and what costs nothing tells nothing."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from app.access.rules import RULES, Rule
from app.mailboxes.schemas import MailboxPage
from app.main import create_app
from app.practitioners.schemas import PractitionerPage
from app.settings import Settings
from tests.budgets.conftest import BUDGET
from tests.builders import a_mailbox, a_practitioner, a_structure, publish

Connection = psycopg.Connection[Any]
DOMAIN = "ch-exemple.mssante.fr"

# What an anonymous caller can ask that shows nobody: structures, the trust space, and the proof of the edition.
SHOWS_NOBODY = {
    "/v1/digest",
    "/v1/organizations",
    "/v1/organizations/lookup",
    "/v1/organizations/{id}",
    "/v1/trust/domains",
    "/v1/trust/operators",
    "/v1/trust/operators/{id}",
    "/v1/trust/whitelist.jws",
    "/v1/trust/whitelist.xml",
}
SHOWS_PERSONS: dict[str, Callable[[TestClient, int], Any]] = {
    "/v1/practitioners/{id}": lambda client, n: client.get(f"/v1/practitioners/9990000{n:04}"),
    "/v1/practitioners": lambda client, n: client.get(f"/v1/practitioners?family=martin&given=anne {n}"),
    "/v1/practitioners/lookup": lambda client, n: client.post(
        "/v1/practitioners/lookup", json={"ids": [f"9990000{n:04}"]}
    ),
    "/v1/search": lambda client, n: client.get(f"/v1/search?q=9990000{n:04}"),
    "/v1/mailboxes/{address}": lambda client, n: client.get(f"/v1/mailboxes/M{n}@{DOMAIN}"),
    "/v1/mailboxes": lambda client, n: client.get(f"/v1/mailboxes?practitioner=9990000{n:04}"),
    "/v1/mailboxes/lookup": lambda client, n: client.post(
        "/v1/mailboxes/lookup", json={"addresses": [f"m{n}@{DOMAIN}"]}
    ),
    "/v1/mailboxes/check": lambda client, n: client.post("/v1/mailboxes/check", json={"addresses": [f"m{n}@{DOMAIN}"]}),
    "/v1/resolve": lambda client, n: client.post(
        "/v1/resolve", json={"practitioner": f"9990000{n:04}", "document": "letter"}
    ),
}


def left(answer: Any) -> int:
    found = re.search(r'"persons";r=(\d+)(?:;t=(\d+))?', answer.headers["ratelimit"])
    assert found is not None
    number = int(found[1])
    assert (found[2] is None) == (number > 0)
    assert number or 0 < int(found[2]) <= 90_000
    return number


def test_every_route_for_anybody_is_charged_or_known_to_show_nobody() -> None:
    """Whoever adds a route for anonymous callers decides what it shows."""
    for_anybody = {path for path, rule in RULES.items() if rule is Rule.LOOK_UP}
    for_anybody |= {
        path for path, rules in RULES.items() if not isinstance(rules, Rule) and Rule.LOOK_UP in rules.values()
    }
    assert for_anybody == SHOWS_NOBODY | set(SHOWS_PERSONS)


@pytest.mark.parametrize("path", SHOWS_PERSONS)
def test_each_way_to_see_persons_ends_with_the_budget(client: TestClient, people: list[str], path: str) -> None:
    ask = SHOWS_PERSONS[path]
    answers = [ask(client, number) for number in range(len(people))]
    assert [answer.status_code for answer in answers] == [200] * BUDGET + [429] * (len(people) - BUDGET)
    assert [left(answer) for answer in answers] == [4, 3, 2, 1, 0, 0, 0, 0, 0]
    refused = answers[-1]
    problem = refused.json()
    assert (problem["code"], problem["budget"], problem["left"]) == ("budget.exhausted", BUDGET, 0)
    assert 0 < int(refused.headers["retry-after"]) <= 90_000
    assert not any(person in refused.text for person in people)


@pytest.mark.parametrize("path", SHOWS_PERSONS)
@pytest.mark.usefixtures("people")
def test_who_was_seen_is_free_in_every_form(client: TestClient, path: str) -> None:
    for number in range(BUDGET):
        assert SHOWS_PERSONS[path](client, number).status_code == 200
    for ask in SHOWS_PERSONS.values():
        assert [ask(client, number).status_code for number in range(BUDGET)] == [200] * BUDGET
        assert ask(client, BUDGET).status_code == 429


@pytest.mark.usefixtures("people")
def test_a_list_is_cut_where_the_budget_ends_and_says_so(client: TestClient) -> None:
    client.get(f"/v1/mailboxes/m7@{DOMAIN}")
    cut = client.get(f"/v1/mailboxes?domain={DOMAIN}")
    page = MailboxPage.model_validate_json(cut.content)
    assert [item.address[:2] for item in page.items] == ["m0", "m1", "m2", "m3"]
    assert (page.cut, page.total.value) == ("budget.exhausted", 9)
    assert page.next is not None
    assert 'rel="next"' in cut.headers["link"]
    assert left(cut) == 0
    refused = client.get(f"/v1/mailboxes?domain={DOMAIN}&cursor={page.next}")
    assert (refused.status_code, refused.json()["code"]) == (429, "budget.exhausted")


@pytest.mark.usefixtures("people")
def test_a_search_is_cut_the_same_way(client: TestClient) -> None:
    page = PractitionerPage.model_validate_json(client.get("/v1/practitioners?name=martin").content)
    assert len(page.items) == BUDGET
    assert page.cut == "budget.exhausted"


@pytest.mark.usefixtures("people")
def test_a_page_that_the_budget_covers_is_whole(client: TestClient) -> None:
    page = client.get(f"/v1/mailboxes?domain={DOMAIN}&limit={BUDGET}").json()
    assert len(page["items"]) == BUDGET
    assert page["next"] is not None
    assert "cut" not in page


def test_a_batch_is_answered_whole_or_not_at_all(client: TestClient, people: list[str]) -> None:
    refused = client.post("/v1/practitioners/lookup", json={"ids": people[: BUDGET + 1]})
    assert (refused.status_code, refused.json()["left"]) == (429, BUDGET)
    assert client.post("/v1/practitioners/lookup", json={"ids": people[:BUDGET] * 2}).status_code == 200


def test_a_mailbox_without_a_person_counts_as_itself_and_structures_are_free(
    client: TestClient, registry: Connection
) -> None:
    structure = a_structure(registry)
    shared = [
        a_mailbox(registry, f"s{number}@{DOMAIN}", mailbox_type="ORG", organization=structure)
        for number in range(BUDGET + 1)
    ]
    publish(registry, ("organization", structure), *[("mailbox", address) for address in shared])
    assert [client.get(f"/v1/mailboxes/{address}").status_code for address in shared] == [200] * BUDGET + [429]
    for path in ("/v1/organizations/990000010", "/v1/organizations?name=ch exemple"):
        answer = client.get(path)
        assert (answer.status_code, left(answer)) == (200, 0)
    assert client.post("/v1/organizations/lookup", json={"ids": ["990000010"]}).status_code == 200


def test_everybody_whom_a_mailbox_names_is_charged(client: TestClient, registry: Connection) -> None:
    one, other = a_practitioner(registry), a_practitioner(registry, rpps="99900000071", given="Zoé")
    address = a_mailbox(registry, practitioner=one)
    registry.execute("INSERT INTO mailbox_attachment (address, practitioner) VALUES (%s, %s)", (address, other))
    publish(registry, ("practitioner", one), ("practitioner", other), ("mailbox", address))
    assert left(client.get(f"/v1/mailboxes/{address}")) == BUDGET - 2


def test_an_unchanged_answer_costs_the_same(client: TestClient, people: list[str]) -> None:
    """A 304 says that the person is still there: with `*`, to somebody who never saw it."""
    answers = [
        client.get(f"/v1/practitioners/{person}", headers={"If-None-Match": "*"}).status_code for person in people
    ]
    assert answers == [304] * BUDGET + [429] * (len(people) - BUDGET)


def test_head_costs_the_same(client: TestClient, people: list[str]) -> None:
    assert [client.head(f"/v1/practitioners/{person}").status_code for person in people][BUDGET - 1 : BUDGET + 1] == [
        200,
        429,
    ]


@pytest.mark.usefixtures("people")
def test_candidates_of_an_ambiguous_id_cost_too(client: TestClient, registry: Connection) -> None:
    registry.execute("UPDATE alias SET alias = 'shared' WHERE kind = 'practitioner'")
    registry.commit()
    assert client.get("/v1/practitioners/shared").json()["code"] == "budget.exhausted"
    assert client.post("/v1/practitioners/lookup", json={"ids": ["shared"]}).status_code == 429


def test_a_hidden_address_costs_and_answers_like_one_that_never_was(
    client: TestClient, people: list[str], registry: Connection
) -> None:
    a_mailbox(registry, f"hidden@{DOMAIN}", practitioner="8" + people[0], unlisted=True)
    publish(registry, ("mailbox", f"hidden@{DOMAIN}"))

    def asked(name: str) -> list[tuple[int, str, str]]:
        same = {"X-Request-ID": "same"}
        answers = [
            client.get(f"/v1/mailboxes/{name}@{DOMAIN}", headers=same),
            client.post("/v1/mailboxes/lookup", json={"addresses": [f"{name}@{DOMAIN}"]}, headers=same),
        ]
        # Once nothing is left, the seconds of the day that are left tick whoever was asked for.
        return [
            (answer.status_code, answer.text.replace(name, "NAME"), re.sub(r"t=\d+", "", str(answer.headers.raw)))
            for answer in answers
        ]

    for seen in range(BUDGET + 1):
        client.get(f"/v1/practitioners/{people[seen]}")
        assert asked("hidden") == asked("unseen")
    rows = registry.execute("SELECT count(*) FROM disclosure").fetchone()
    assert rows == (BUDGET,)


@pytest.mark.usefixtures("people")
def test_a_withdrawn_address_costs_nothing(client: TestClient, registry: Connection) -> None:
    registry.execute("UPDATE mailbox SET state = 'withdrawn' WHERE address = %s", (f"m0@{DOMAIN}",))
    publish(registry, ("mailbox", f"m0@{DOMAIN}"))
    answer = client.get(f"/v1/mailboxes/m0@{DOMAIN}")
    assert answer.status_code == 410
    assert registry.execute("SELECT count(*) FROM disclosure").fetchone() == (0,)


def test_requests_in_parallel_show_no_more_than_the_budget(client: TestClient, people: list[str]) -> None:
    with ThreadPoolExecutor(9) as threads:
        answers = list(threads.map(lambda person: client.get(f"/v1/practitioners/{person}").status_code, people * 3))
    shown = {person for person, status in zip(people * 3, answers, strict=True) if status == 200}
    assert len(shown) == BUDGET


def test_a_restart_forgets_nothing(small: Settings, people: list[str]) -> None:
    for first in range(2):
        with TestClient(create_app(small)) as client:
            statuses = [client.get(f"/v1/practitioners/{person}").status_code for person in people]
            assert statuses == [200] * BUDGET + [429] * (len(people) - BUDGET), first


def test_each_address_has_a_budget_of_its_own(small: Settings, people: list[str]) -> None:
    def asked_from(address: str) -> int:
        with TestClient(create_app(small), client=(address, 1)) as client:
            return sum(client.get(f"/v1/practitioners/{person}").status_code == 200 for person in people)

    assert asked_from("2001:db8::1") == BUDGET
    # A neighbour in the same network sees for free what was seen there, and nobody else.
    assert asked_from("2001:db8:0:0:ffff::9") == BUDGET
    assert asked_from("2001:db8:0:100::1") == BUDGET


def test_an_address_is_forwarded_by_the_trusted_proxy_alone(small: Settings, people: list[str]) -> None:
    settings = small.model_copy(update={"trusted_proxies": ("192.0.2.0/24",)})

    def seen(peer: str, *forwarded: str) -> int:
        """How many persons those see together who are said to ask, each from another end of the list."""
        with TestClient(create_app(settings), client=(peer, 1)) as client:
            return len(
                {
                    person
                    for number, hops in enumerate(forwarded)
                    for person in people[:: (-1) ** number]
                    if client.get(f"/v1/practitioners/{person}", headers={"X-Forwarded-For": hops}).status_code == 200
                }
            )

    assert seen("192.0.2.7", "198.51.100.1", "198.51.100.2") == len(people)
    # The last hop before the proxy is who asks: what stands further left it may have made up.
    assert seen("192.0.2.7", "198.51.100.3", "198.51.100.99, 198.51.100.3") == BUDGET
    assert seen("203.0.113.9", "198.51.100.4", "198.51.100.5") == BUDGET


@pytest.fixture
def bound(key_for: Callable[..., dict[str, str]]) -> dict[str, str]:
    """A key that may newly see three persons a day."""
    return key_for("read", budget=3)


def test_a_key_with_a_budget_has_that_one_wherever_it_is_used(
    client: TestClient, people: list[str], bound: dict[str, str]
) -> None:
    def ask(person: str, headers: dict[str, str] | None = None) -> int:
        return client.get(f"/v1/practitioners/{person}", headers=headers).status_code

    assert [ask(person, bound) for person in people[:5]] == [200, 200, 200, 429, 429]
    assert [ask(person) for person in people].count(200) == BUDGET


@pytest.mark.usefixtures("people")
def test_a_key_with_a_budget_does_not_read_the_feed(
    client: TestClient, bound: dict[str, str], reader: dict[str, str]
) -> None:
    """The feed shows everybody: whoever is bound by a budget is no admitted consumer."""
    refused = client.get("/v1/changes", headers=bound)
    assert (refused.status_code, refused.json()["code"]) == (403, "scope.missing")
    assert client.get("/v1/changes", headers=reader).status_code == 200


def test_a_key_without_a_budget_is_never_stopped_and_leaves_no_row(
    client: TestClient, people: list[str], reader: dict[str, str], registry: Connection
) -> None:
    for path in (f"/v1/mailboxes?limit=200&domain={DOMAIN}", "/v1/mailboxes", "/v1/practitioners"):
        answer = client.get(path, headers=reader)
        assert len(answer.json()["items"]) == len(people)
        assert "persons" not in answer.headers["ratelimit-policy"]
    assert registry.execute("SELECT count(*) FROM disclosure_day").fetchone() == (0,)


def test_no_budget_at_all_can_be_chosen(small: Settings, people: list[str], registry: Connection) -> None:
    settings = small.model_copy(update={"anonymous_budget": 0, "anonymous_rate": 0})
    with TestClient(create_app(settings)) as client:
        answer = client.get(f"/v1/mailboxes?domain={DOMAIN}")
    assert len(answer.json()["items"]) == len(people)
    assert "ratelimit-policy" not in answer.headers
    assert registry.execute("SELECT count(*) FROM disclosure_day").fetchone() == (0,)


def test_the_rate_stops_an_address_and_a_key_each_by_itself(
    small: Settings, people: list[str], reader: dict[str, str]
) -> None:
    settings = small.model_copy(update={"anonymous_rate": 3, "key_rate": 2})
    with TestClient(create_app(settings)) as client:
        url = f"/v1/practitioners/{people[0]}"
        anonymous = [client.get(url) for _ in range(5)]
        keyed = [client.get(url, headers=reader).status_code for _ in range(3)]
        missing = [client.get(f"/v1/mailboxes/nobody{number}@{DOMAIN}").status_code for number in range(2)]
    assert [answer.status_code for answer in anonymous] == [200, 200, 200, 429, 429]
    assert keyed == [200, 200, 429]
    assert missing == [429, 429]
    problem = anonymous[-1]
    assert problem.json()["code"] == "rate.exceeded"
    assert 1 <= int(problem.headers["retry-after"]) <= 60
    assert [re.findall(r'"requests";r=(\d+)', answer.headers["ratelimit"]) for answer in anonymous] == [
        [], [], ["0"], ["0"], ["0"],
    ]  # fmt: skip


def test_what_a_caller_may_do_stands_on_every_answer(client: TestClient, people: list[str]) -> None:
    for path, status in (
        (f"/v1/practitioners/{people[0]}", 200),
        ("/v1/practitioners/99900000060", 404),
        ("/v1/practitioners?limit=0", 422),
        ("/v1/practitioners", 422),
    ):
        answer = client.get(path)
        assert answer.status_code == status
        assert answer.headers["ratelimit-policy"] == (
            f'"persons";q={BUDGET};w=86400;qu="persons", "requests";q=6000;w=60'
        )
        assert left(answer) == BUDGET - 1
    assert "ratelimit-policy" not in client.get("/healthz").headers


TOO_BROAD = [
    "practitioners",
    "practitioners?has_mailbox=true",
    "practitioners?limit=5",
    "practitioners?name=ma",
    "practitioners?family=m&given=a",
    "practitioners?name=m-a",
    "practitioners?family=m&department=25",
    "practitioners?name=ma&has_mailbox=true",
    "mailboxes",
    "mailboxes?type=PER",
]
NARROW = [
    "practitioners?name=mar",
    "practitioners?name=m ar",
    "practitioners?family=ma&given=a",
    "practitioners?family=ma&department=25",
    "practitioners?department=25",
    "practitioners?organization=990000010",
    f"mailboxes?domain={DOMAIN}",
    "mailboxes?type=PER&practitioner=99900000001",
    "mailboxes?organization=990000010",
]


def test_whoever_does_not_say_who_is_asking_asks_for_somebody_in_particular(
    client: TestClient, reader: dict[str, str]
) -> None:
    for query in TOO_BROAD:
        answer = client.get(f"/v1/{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, "search.too_broad"), query
    for query in NARROW:
        assert client.get(f"/v1/{query}").status_code == 200, query
    for query in TOO_BROAD + NARROW:
        assert client.get(f"/v1/{query}", headers=reader).status_code == 200, query


def test_every_route_that_shows_persons_documents_the_refusal(client: TestClient) -> None:
    described = client.get("/openapi.json").json()["paths"]
    app: Any = client.app
    for route in app.routes:
        if isinstance(route, APIRoute) and route.path_format in SHOWS_PERSONS and "GET" in (route.methods or ()):
            assert "429" in described[route.path_format]["get"]["responses"]

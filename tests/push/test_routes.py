"""`/v1/me/webhooks`: owners handle their own, and nobody else's."""

import json
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.push.letters import LEAST_BETWEEN
from app.push.loop import Courier
from app.push.subscriptions import KINDS, MOST
from app.settings import Settings
from tests.builders import OPERATOR, an_operator
from tests.push.conftest import Connection, deliver, hurry
from tests.push.receiver import Receiver
from tests.push.test_courier import change

KeyFor = Callable[..., dict[str, str]]
PATH = "/v1/me/webhooks"
OTHER = "1990000036"


@pytest.fixture
def mine(key_for: KeyFor, directory: int) -> dict[str, str]:
    assert directory
    return key_for("read", operator=OPERATOR)


def test_a_webhook_is_made_shown_without_its_secret_and_deleted(
    client: TestClient, mine: dict[str, str], receiver: Receiver, directory: int, registry: Connection
) -> None:
    answer = client.post(PATH, json={"url": receiver.url, "kinds": ["mailbox"]}, headers=mine)
    made = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{PATH}/{made['id']}")
    assert (made["state"], made["kinds"], made["edition"]) == ("active", ["mailbox"], directory)
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    shown = client.get(f"{PATH}/{made['id']}", headers=mine)
    assert shown.json() == made
    assert client.get(PATH, headers=mine).json() == {"items": [made]}
    stored = registry.execute("SELECT w::text FROM webhook w").fetchall()
    assert secret not in str(stored)
    assert client.delete(f"{PATH}/{made['id']}", headers=mine).status_code == 204
    assert client.delete(f"{PATH}/{made['id']}", headers=mine).json()["code"] == "webhook.unknown"
    acts = registry.execute("SELECT action, operator, object_key, detail FROM audit ORDER BY sequence").fetchall()
    assert [act[:3] for act in acts] == [
        ("webhook.created", OPERATOR, made["id"]),
        ("webhook.deleted", OPERATOR, made["id"]),
    ]
    assert receiver.url not in str(acts)


def test_every_kind_is_told_unless_some_are_named(client: TestClient, mine: dict[str, str], receiver: Receiver) -> None:
    assert client.post(PATH, json={"url": receiver.url}, headers=mine).json()["kinds"] == list(KINDS)


def test_deliveries_are_listed_and_replayed(
    client: TestClient,
    mine: dict[str, str],
    receiver: Receiver,
    registry: Connection,
    clock: Connection,
    courier: Courier,
    directory: int,
) -> None:
    made = client.post(PATH, json={"url": receiver.url}, headers=mine).json()
    path = f"{PATH}/{made['id']}"
    receiver.status(410)
    edition = change(registry, "UN")
    deliver(courier, clock)
    shown = client.get(path, headers=mine).json()
    assert (shown["state"], shown["disabled_why"]) == ("disabled", "given up after 1 attempts: it answered 410")
    receiver.status(200)
    again = client.post(f"{path}/replay", headers=mine).json()
    assert (again["state"], again["edition"], again["disabled_why"]) == ("active", directory, None)
    hurry(clock)
    assert deliver(courier, clock) == 1
    client.post(f"{path}/replay", json={"edition": 1}, headers=mine)
    hurry(clock)
    assert deliver(courier, clock) == 1
    found = client.get(f"{path}/deliveries", headers=mine).json()["items"]
    assert [(each["after"], each["edition"], each["outcome"], each["status"]) for each in found] == [
        (1, edition, "delivered", 200),
        (directory, edition, "delivered", 200),
        (directory, edition, "rejected", 410),
    ]
    assert len({each["message"] for each in found}) == 3
    assert [json.loads(got.body)["data"]["edition"] for got in receiver.got] == [edition] * 3
    assert client.post(f"{path}/replay", json={"edition": edition + 1_000}, headers=mine).json()["edition"] == edition
    hurry(clock)
    assert deliver(courier, clock) == 0


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("status", [200, 410, 500])
def test_a_replay_leaves_a_receiver_the_pause_between_two_letters(
    client: TestClient,
    mine: dict[str, str],
    receiver: Receiver,
    registry: Connection,
    clock: Connection,
    courier: Courier,
    status: int,
) -> None:
    made = client.post(PATH, json={"url": receiver.url}, headers=mine).json()
    receiver.status(status)
    change(registry, "UN")
    assert deliver(courier, clock) == 1
    for _ in range(2):
        assert client.post(f"{PATH}/{made['id']}/replay", headers=mine).json()["state"] == "active"
        kept = "SELECT w.due_at - x.at >= %s FROM webhook w JOIN webhook_delivery x ON x.webhook = w.id"
        assert clock.execute(kept, (LEAST_BETWEEN,)).fetchall() == [(True,)]


def test_nobody_learns_of_anothers_webhook(
    client: TestClient, mine: dict[str, str], key_for: KeyFor, registry: Connection, receiver: Receiver
) -> None:
    an_operator(registry, OTHER, name="AUTRE", domains=())
    registry.commit()
    webhook = client.post(PATH, json={"url": receiver.url}, headers=mine).json()["id"]
    for stranger in (key_for("read", operator=OTHER), key_for("read"), key_for("admin")):
        assert client.get(PATH, headers=stranger).json() == {"items": []}
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/deliveries"), ("POST", "/replay")):
            answer = client.request(method, f"{PATH}/{webhook}{path}", headers=stranger)
            assert (answer.status_code, answer.json()["code"]) == (404, "webhook.unknown")
    # Another credential of the same operator is the same owner.
    assert client.get(f"{PATH}/{webhook}", headers=key_for("publish", operator=OPERATOR)).status_code == 200


def test_a_key_without_operator_owns_its_own_until_it_ends(
    client: TestClient,
    key_for: KeyFor,
    registry: Connection,
    clock: Connection,
    courier: Courier,
    receiver: Receiver,
    directory: int,
) -> None:
    key = key_for("read")
    made = client.post(PATH, json={"url": receiver.url}, headers=key).json()
    change(registry, "UN")
    assert deliver(courier, clock) == 1
    hurry(clock)
    clock.execute("UPDATE api_key SET revoked_at = now() WHERE operator IS NULL")
    change(registry, "DEUX")
    assert deliver(courier, clock) == 0
    assert clock.execute("SELECT id, disabled_why FROM webhook").fetchall() == [(made["id"], "its key ended")]
    assert directory


def test_a_key_with_a_budget_subscribes_to_nothing(client: TestClient, key_for: KeyFor, receiver: Receiver) -> None:
    answer = client.post(PATH, json={"url": receiver.url}, headers=key_for("read", budget=5))
    assert (answer.status_code, answer.json()["code"]) == (403, "scope.missing")


def test_one_owner_has_few(client: TestClient, mine: dict[str, str], receiver: Receiver, key_for: KeyFor) -> None:
    for _ in range(MOST):
        assert client.post(PATH, json={"url": receiver.url}, headers=mine).status_code == 201
    answer = client.post(PATH, json={"url": receiver.url}, headers=mine)
    assert (answer.status_code, answer.json()["code"]) == (409, "webhook.too_many")
    assert client.post(PATH, json={"url": receiver.url}, headers=key_for("read")).status_code == 201


@pytest.mark.parametrize("url", ["http://bal.exemple.fr/", "https://127.0.0.1/", "https://bal.exemple.fr:8443/", ""])
def test_a_url_into_our_network_is_refused(api_settings: Settings, mine: dict[str, str], url: str) -> None:
    with TestClient(create_app(api_settings), raise_server_exceptions=False) as strict:
        answer = strict.post(PATH, json={"url": url}, headers=mine)
    assert (answer.status_code, answer.json()["code"]) == (422, "webhook.url_invalid")
    assert answer.json()["errors"][0]["pointer"] == "/body/url"


@pytest.mark.parametrize(
    "body", [{}, {"url": 1}, {"url": "https://a.fr/", "kinds": ["person"]}, {"url": "https://a.fr/", "more": 1}]
)
def test_what_has_no_form_is_refused(client: TestClient, mine: dict[str, str], body: dict[str, object]) -> None:
    answer = client.post(PATH, json=body, headers=mine)
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")

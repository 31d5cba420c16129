"""Several API processes on one database share nothing else: what one gave is good at the other."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.builders import DOMAIN, a_mailbox, a_practitioner, a_small_directory, an_operator, publish
from tests.harness.standby import until
from tests.http.fixtures import Connection
from tests.mailbox_writes.operators import org

BUDGET = 3
Clients = tuple[TestClient, TestClient]


@pytest.fixture
def both(api_settings: Settings) -> Iterator[Clients]:
    """Two processes, as far as the database can tell."""
    alike = api_settings.model_copy(update={"publish_with_key": True, "anonymous_budget": BUDGET})
    with (
        TestClient(create_app(alike), raise_server_exceptions=False) as one,
        TestClient(create_app(alike), raise_server_exceptions=False) as other,
    ):
        yield one, other


def test_a_cursor_and_a_tag_of_one_are_good_at_the_other(
    both: Clients, registry: Connection, reader: dict[str, str]
) -> None:
    one, other = both
    publish(registry, *(("mailbox", a_mailbox(registry, f"m{number}@{DOMAIN}")) for number in range(3)))
    path = f"/v1/mailboxes?domain={DOMAIN}&limit=2"
    first = one.get(path, headers=reader)
    second = other.get(f"{path}&cursor={first.json()['next']}", headers=reader).json()
    addresses = [item["address"] for page in (first.json(), second) for item in page["items"]]
    assert addresses == [f"m{number}@{DOMAIN}" for number in range(3)]
    assert other.get(path, headers={**reader, "If-None-Match": first.headers["ETag"]}).status_code == 304
    feed = one.get("/v1/changes?limit=1", headers=reader).json()
    assert other.get(f"/v1/changes?after={feed['next']}", headers=reader).json()["items"][0]["sequence"] == 2


def test_a_repeated_write_has_one_effect_wherever_it_arrives(
    both: Clients, registry: Connection, key_for: Callable[..., dict[str, str]]
) -> None:
    a_small_directory(registry)
    key = key_for("publish", operator=an_operator(registry))
    registry.commit()
    headers = {**key, "Idempotency-Key": "the same"}
    first, again = (client.put(f"/v1/mailboxes/new@{DOMAIN}", json=org(), headers=headers) for client in both)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    (acts,) = registry.execute("SELECT count(*) FROM audit WHERE action = 'mailbox.created'").fetchone() or (0,)
    assert acts == 1


def test_a_budget_is_one_at_all_of_them(both: Clients, registry: Connection) -> None:
    people = [f"9990000{number:04}" for number in range(BUDGET + 1)]
    publish(registry, *(("practitioner", a_practitioner(registry, rpps=each)) for each in people))
    statuses = [both[number % 2].get(f"/v1/practitioners/{each}").status_code for number, each in enumerate(people)]
    assert statuses == [200] * BUDGET + [429]


def is_waited_at(client: TestClient) -> bool:
    return "annuaire_feed_waiters 1.0" in client.get("/metrics").text


def test_a_change_wakes_who_waits_at_any_of_them(both: Clients, registry: Connection, reader: dict[str, str]) -> None:
    a_small_directory(registry)
    end = both[0].get("/v1/changes", headers=reader).json()["next"]
    with ThreadPoolExecutor() as threads:
        waiting = [threads.submit(client.get, f"/v1/changes?after={end}&wait=30", headers=reader) for client in both]
        for client in both:
            until(partial(is_waited_at, client), "a reader waits")
        publish(registry, ("mailbox", a_mailbox(registry, f"later@{DOMAIN}")))
        found = [[item["key"] for item in each.result().json()["items"]] for each in waiting]
    assert found == [[f"later@{DOMAIN}"]] * 2

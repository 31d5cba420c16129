"""Reads by a replica: the same answers, and never an older one than the caller holds, or than the limit allows."""

from collections.abc import Callable
from typing import Any, cast

import psycopg
import pytest
from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.builders import DOMAIN, FINESS, RPPS, a_mailbox, a_small_directory, publish
from tests.harness.standby import Standby
from tests.standby.asking import counted, until
from tests.standby.conftest import SHORT

Connection = psycopg.Connection[Any]
ANNE = f"anne.exemple@{DOMAIN}"
NEW = f"nouvelle.adresse@{DOMAIN}"
ALL = f"/v1/mailboxes?domain={DOMAIN}"
READS: dict[str, tuple[str, str, Any]] = {
    "a mailbox": ("GET", f"/v1/mailboxes/{ANNE}", None),
    "a practitioner": ("GET", f"/v1/practitioners/{RPPS}", None),
    "a structure": ("GET", f"/v1/organizations/{FINESS}", None),
    "an address that never was": ("GET", f"/v1/mailboxes/{NEW}", None),
    "a list": ("GET", ALL, None),
    "a search for people": ("GET", "/v1/practitioners?name=exemple%20anne-elise", None),
    "a search for structures": ("GET", "/v1/organizations?name=ch%20exemple", None),
    "the one box": ("GET", "/v1/search?q=exemple%20anne-elise", None),
    "a batch": ("POST", "/v1/mailboxes/lookup", {"addresses": [ANNE, NEW]}),
    "a check": ("POST", "/v1/mailboxes/check", {"addresses": [ANNE, NEW]}),
    "a recipient": ("POST", "/v1/resolve", {"document": "letter", "practitioner": RPPS}),
    "a recipient by address": ("POST", "/v1/resolve", {"document": "letter", "address": ANNE}),
    "the feed": ("GET", "/v1/changes", None),
}


@pytest.fixture
def edition(registry: Connection, standby: Standby) -> int:
    """The edition of a small directory that the replica holds too."""
    edition = a_small_directory(registry)
    standby.follow()
    return edition


@pytest.fixture
def newer(client: TestClient, edition: int, registry: Connection, standby: Standby) -> int:
    """An edition with one more mailbox that the replica lacks, while it is read."""
    del edition
    until(client, "read")
    standby.pause()
    return publish(registry, ("mailbox", a_mailbox(registry, NEW)))


def test_the_replica_answers_the_same(
    client: TestClient, edition: int, api_settings: Settings, reader: dict[str, str]
) -> None:
    until(client, "read")
    headers = {**reader, "Minimum-Edition": str(edition)}
    with TestClient(create_app(api_settings)) as alone:
        for count, (what, (method, path, body)) in enumerate(READS.items(), 1):
            answers = [each.request(method, path, json=body, headers=headers) for each in (client, alone)]
            ours, alike = ((each.status_code, said(each), each.headers.get("Directory-Edition")) for each in answers)
            assert ours == alike, what
            assert counted(client) == {"standby": count}, what


def said(answer: Response) -> dict[str, Any]:
    """The body, without the number of the request."""
    return {name: value for name, value in answer.json().items() if name != "request_id"}


def test_whoever_may_write_reads_from_the_primary_and_everybody_else_may_demand_it(
    client: TestClient, newer: int, key_for: Callable[..., dict[str, str]], reader: dict[str, str]
) -> None:
    path = f"/v1/mailboxes/{NEW}"
    assert client.get(path).status_code == client.get(path, headers=reader).status_code == 404
    for scope in ("publish", "admin"):
        assert client.get(path, headers=key_for(scope)).status_code == 200
    shown = client.get(path, headers={"Minimum-Edition": str(newer)})
    assert (shown.status_code, shown.headers["Directory-Edition"]) == (200, str(newer))
    # To an admin the owner's view answers, which is none of the publication.
    assert counted(client) == {"standby": 2, "asked": 1, "older": 1}


def test_who_holds_something_newer_is_not_shown_an_older_state(client: TestClient, newer: int) -> None:
    at_least = {"Minimum-Edition": str(newer)}
    tag = client.get(f"/v1/mailboxes/{NEW}", headers=at_least).headers["ETag"]
    assert client.get(f"/v1/mailboxes/{NEW}", headers={"If-None-Match": tag}).status_code == 304
    everything = client.get(ALL, headers=at_least)
    assert client.get(ALL, headers={"If-None-Match": everything.headers["ETag"]}).status_code == 304
    first = client.get(ALL + "&limit=1", headers=at_least).json()
    second = client.get(ALL + "&limit=1&cursor=" + first["next"]).json()
    assert [item["address"] for page in (first, second) for item in page["items"]] == [ANNE, NEW]


def test_a_follower_is_told_of_no_gap_and_of_no_other_history(
    client: TestClient, newer: int, reader: dict[str, str]
) -> None:
    older = client.get("/v1/changes", headers=reader).json()
    assert older["edition"] < newer
    page = client.get("/v1/changes", headers={**reader, "Minimum-Edition": str(newer)}).json()
    assert page["items"][-1]["key"] == NEW
    again = client.get("/v1/changes", params={"after": page["next"]}, headers=reader)
    assert (again.status_code, again.json()["items"], again.json()["edition"]) == (200, [], newer)
    # From an older cursor it is the replica that goes on, as far as it has come.
    on = client.get("/v1/changes", params={"after": older["next"]}, headers=reader).json()
    assert (on["items"], on["next"]) == ([], older["next"])


def test_who_waits_is_woken_for_what_the_replica_lacks(client: TestClient, newer: int, reader: dict[str, str]) -> None:
    """Committed before it came, and not replayed: it would wait for the change after that."""
    older = client.get("/v1/changes", headers=reader).json()
    page = client.get("/v1/changes", params={"after": older["next"], "wait": 30}, headers=reader).json()
    assert (page["edition"], [item["key"] for item in page["items"]]) == (newer, [NEW])


def test_a_hidden_address_is_not_shown_longer_than_the_limit(
    split: Settings, edition: int, registry: Connection, standby: Standby
) -> None:
    impatient = split.model_copy(update={"read_lag_ms": SHORT})
    with TestClient(create_app(impatient)) as client:
        until(client, "read")
        standby.pause()
        registry.execute("UPDATE mailbox SET unlisted = true WHERE address = %s", (ANNE,))
        hidden = publish(registry, ("mailbox", ANNE))
        until(client, "behind")
        answer = client.get(f"/v1/mailboxes/{ANNE}")
        assert answer.status_code == 404
        assert client.get(ALL).json()["edition"] == hidden
        metrics = client.get("/metrics").text
        assert 'annuaire_standby_state{state="read"} 0.0' in metrics
        assert f"annuaire_standby_edition {float(edition)}" in metrics
        standby.resume()
        until(client, "read")
        assert client.get(f"/v1/mailboxes/{ANNE}").status_code == 404


def test_an_answer_that_is_too_old_is_thrown_away_whoever_watches(
    client: TestClient, newer: int, registry: Connection
) -> None:
    """Between two looks, or behind an address with several replicas: the answer itself says its edition."""
    path = f"/v1/mailboxes/{NEW}"
    assert client.get(path).status_code == 404
    freshness = cast(FastAPI, client.app).state.sources.standby.freshness
    freshness._looks.clear()
    freshness.saw(freshness._clock(), newer, freshness.epoch)
    assert client.get(path).status_code == 200
    assert client.get(ALL).json()["total"]["value"] == 2
    assert counted(client)["older"] == 2
    del registry

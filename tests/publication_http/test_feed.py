"""The feed: dense, from one snapshot, and a cursor that always goes on or says why not."""

import json
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from app.paging import Cursors
from app.publication import feed
from app.publication.schemas import FeedPage
from tests.builders import a_mailbox, a_practitioner, a_small_directory, a_structure, publish

Connection = psycopg.Connection[Any]
ADDRESS = "anne.exemple@ch-exemple.mssante.fr"
PATHS = {"mailbox": "mailboxes", "organization": "organizations", "practitioner": "practitioners"}


@pytest.fixture
def changes(client: TestClient, reader: dict[str, str]) -> Any:
    """One page of the feed."""

    def page(**parameters: Any) -> FeedPage:
        answer = client.get("/v1/changes", params=parameters, headers=reader)
        assert answer.status_code == 200, answer.text
        assert answer.headers["directory-edition"] == str(answer.json()["edition"])
        return FeedPage.model_validate_json(answer.content)

    return page


def several(registry: Connection, count: int) -> None:
    for number in range(count):
        publish(registry, ("mailbox", a_mailbox(registry, f"m{number}@ch-exemple.mssante.fr")))


def test_each_change_comes_in_order_with_the_current_document(
    changes: Any, client: TestClient, registry: Connection
) -> None:
    edition = a_small_directory(registry)
    page = changes()
    assert [item.sequence for item in page.items] == list(range(1, edition + 1))
    assert {item.kind for item in page.items} == {"mailbox", "organization", "practitioner"}
    for item in page.items:
        resource = dict(item.resource)
        row = registry.execute(
            "SELECT encode(fingerprint, 'hex') FROM publication WHERE (kind, key) = (%s, %s)", (item.kind, item.key)
        ).fetchone()
        assert row == (resource.pop("fingerprint"),)
        assert client.get(f"/v1/{PATHS[item.kind]}/{item.key}").json() == resource


def test_pages_join_without_gap_and_end_at_the_edition(changes: Any, registry: Connection) -> None:
    several(registry, 7)
    seen: list[int] = []
    after: dict[str, str] = {}
    for _ in range(4):
        page = changes(limit=2, **after)
        seen += [item.sequence for item in page.items]
        after = {"after": page.next}
    assert seen == list(range(1, 8))
    assert changes(**after).items == []
    several_more = a_mailbox(registry, "later@ch-exemple.mssante.fr")
    publish(registry, ("mailbox", several_more))
    assert [item.key for item in changes(**after).items] == [several_more]


def test_an_empty_directory_has_a_feed_to_go_on_from(changes: Any, registry: Connection) -> None:
    page = changes()
    assert (page.items, page.edition) == ([], 0)
    several(registry, 1)
    assert [item.sequence for item in changes(after=page.next).items] == [1]


def test_a_hidden_mailbox_stays_as_a_bare_item(changes: Any, registry: Connection) -> None:
    a_small_directory(registry)
    registry.execute("UPDATE mailbox SET unlisted = true")
    publish(registry, ("mailbox", ADDRESS))
    items = [item for item in changes().items if item.key == ADDRESS]
    assert [(item.operation, item.resource) for item in items] == [("put", None), ("delete", None)]
    assert all("resource" not in item for item in json.loads(changes().model_dump_json(exclude_none=True))["items"][:1])


def test_a_delete_has_no_resource_even_when_the_row_is_back(changes: Any, registry: Connection) -> None:
    publish(registry, ("mailbox", a_mailbox(registry)))
    for unlisted in (True, False):
        registry.execute("UPDATE mailbox SET unlisted = %s", (unlisted,))
        publish(registry, ("mailbox", ADDRESS))
    assert [(item.operation, item.resource is None) for item in changes().items] == [
        ("put", False),
        ("delete", True),
        ("put", False),
    ]


def test_a_filter_by_kind_goes_on_past_what_it_leaves_out(
    changes: Any, registry: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "WINDOW", 3)
    several(registry, 8)
    structure = a_structure(registry)
    publish(registry, ("organization", structure))
    after: dict[str, str] = {}
    found = []
    for _ in range(3):
        page = changes(kind="organization", limit=2, **after)
        found.append([item.key for item in page.items])
        after = {"after": page.next}
    assert found == [[], [], [structure]]
    assert changes(kind="mailbox", **after).items == []


def test_documents_may_be_left_out(changes: Any, registry: Connection) -> None:
    edition = a_small_directory(registry)
    page = changes(resource="false")
    assert [(item.sequence, item.operation, item.resource) for item in page.items] == [
        (number, "put", None) for number in range(1, edition + 1)
    ]


def test_a_document_may_be_newer_than_its_item(changes: Any, registry: Connection) -> None:
    person = a_practitioner(registry, family="AVANT")
    publish(registry, ("practitioner", person))
    registry.execute("UPDATE practice SET family = 'APRES'")
    publish(registry, ("practitioner", person))
    assert [item.resource["family"] for item in changes().items] == ["APRES", "APRES"]


def refusal(client: TestClient, reader: dict[str, str], after: str) -> tuple[int, str]:
    answer = client.get("/v1/changes", params={"after": after}, headers=reader)
    return answer.status_code, answer.json()["code"]


def test_a_cursor_of_another_history_is_expired(
    client: TestClient, reader: dict[str, str], changes: Any, registry: Connection
) -> None:
    several(registry, 2)
    elsewhere = feed.FeedCursors(Cursors(SecretStr("another pepper")))
    assert refusal(client, reader, elsewhere.seal("another epoch", 1)) == (410, "feed.cursor_expired")
    ours = changes(limit=1).next
    registry.execute("UPDATE directory SET epoch = 'restored'")
    registry.commit()
    assert refusal(client, reader, ours) == (410, "feed.cursor_expired")


def test_a_cursor_older_than_the_log_is_expired_and_the_feed_starts_at_its_oldest(
    client: TestClient, reader: dict[str, str], changes: Any, registry: Connection
) -> None:
    several(registry, 5)
    first, third = changes(limit=1).next, changes(limit=3).next
    registry.execute("DELETE FROM change WHERE sequence <= 3")
    registry.commit()
    assert refusal(client, reader, first) == (410, "feed.cursor_expired")
    assert [item.sequence for item in changes(after=third).items] == [4, 5]
    assert [item.sequence for item in changes().items] == [4, 5]


def test_a_cursor_ahead_of_a_restored_directory_is_expired(
    client: TestClient, reader: dict[str, str], changes: Any, registry: Connection
) -> None:
    several(registry, 2)
    ahead = changes().next
    registry.execute("DELETE FROM change WHERE sequence = 2")
    registry.execute("UPDATE directory SET edition = 1")
    registry.commit()
    assert refusal(client, reader, ahead) == (410, "feed.cursor_expired")


@pytest.mark.parametrize("place", [0, 5, 12, 20, 30])
def test_an_altered_cursor_and_garbage_are_no_cursors(
    client: TestClient, reader: dict[str, str], changes: Any, registry: Connection, place: int
) -> None:
    several(registry, 1)
    cursor = changes().next
    altered = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
    for garbage in (altered, "x", "5", cursor + "A", "é"):
        assert refusal(client, reader, garbage) == (400, "cursor.invalid")


def test_the_seal_of_another_installation_on_our_epoch_is_no_cursor(
    client: TestClient, reader: dict[str, str], registry: Connection
) -> None:
    row = registry.execute("SELECT epoch FROM directory").fetchone()
    assert row is not None
    forged = feed.FeedCursors(Cursors(SecretStr("another pepper"))).seal(row[0], 0)
    assert refusal(client, reader, forged) == (400, "cursor.invalid")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "kind=domain", "wait=31", "wait=-1", "resource=x", "after="]
)
def test_what_cannot_be_used_is_refused(client: TestClient, reader: dict[str, str], query: str) -> None:
    assert client.get(f"/v1/changes?{query}", headers=reader).status_code == 422

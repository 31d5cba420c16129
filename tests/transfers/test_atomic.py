"""Around its hour, whoever asks on whatever channel finds the mailbox exactly once: API, worker and slapd at work."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ldap3 import NONE, Connection, Server
from starlette.testclient import TestClient

from app import worker
from app.access.keys import issue
from app.ldap.client import Exporter
from app.ldap.sync import step, sync_once
from app.main import create_app
from app.settings import Settings
from app.transfers.clock import settle_due
from tests.builders import RPPS, a_mailbox, publish
from tests.harness.database import Database
from tests.transfers.conftest import ADDRESS, GIVER, OWN_ADDRESS, RECEIVER, THEIRS, agreed
from tests.transfers.conftest import Connection as Registry

# One that sorts before the old address, one after: the log names them in the order of their keys.
NEW = (f"aaa@{THEIRS}", f"zzz@{THEIRS}")
# What a reader found: (addresses, operators), or None when it has nothing to say yet.
Found = tuple[frozenset[str], frozenset[str]]


@contextmanager
def watched(read: Callable[[], Found | None], until: Callable[[Found], bool]) -> Iterator[list[Found]]:
    """Ask again and again, beside the body, until it is as awaited; all that was found."""
    seen: list[Found] = []

    def watch() -> None:
        while True:
            found = read()
            if found is not None:
                seen.append(found)
                if until(found):
                    return

    thread = threading.Thread(target=watch)
    thread.start()
    yield seen
    thread.join(240)
    assert not thread.is_alive()


@contextmanager
def working(settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    running = threading.Thread(target=worker.run, args=(settings, stop))
    running.start()
    try:
        yield
    finally:
        stop.set()
        running.join()


class Rest:
    """A person's page, and the batch of all addresses: each answer is one snapshot."""

    def __init__(self, client: TestClient, headers: dict[str, str], addresses: tuple[str, ...]) -> None:
        self._client, self._headers, self._addresses = client, headers, addresses

    def person(self) -> Found:
        page = self._client.get(f"/v1/practitioners/{RPPS}", headers=self._headers).json()
        return frozenset(mailbox["address"] for mailbox in page["mailboxes"]) & {*self._addresses}, frozenset()

    def batch(self) -> Found:
        body = {"addresses": self._addresses}
        results = self._client.post("/v1/mailboxes/lookup", json=body, headers=self._headers).json()["results"]
        found = [each["resource"] for each in results if each["found"]]
        return frozenset(each["address"] for each in found), frozenset(each["operator"] for each in found)


class Copy:
    """A copy that follows the feed. It is one state of the directory where a page ends at its edition."""

    def __init__(self, client: TestClient, headers: dict[str, str], addresses: tuple[str, ...]) -> None:
        self._client, self._headers, self._addresses = client, headers, addresses
        self._held: dict[str, Any] = {}
        self._after: str | None = None

    def read(self) -> Found | None:
        parameters = {"limit": "2", "kind": "mailbox"} | ({"after": self._after} if self._after else {})
        page = self._client.get("/v1/changes", params=parameters, headers=self._headers).json()
        for item in page["items"]:
            self._held[item["key"]] = item.get("resource")
        self._after = page["next"]
        if len(page["items"]) == 2:
            return None
        found = [document for key, document in self._held.items() if document and key in self._addresses]
        return frozenset(each["address"] for each in found), frozenset(each["operator"] for each in found)


@contextmanager
def searching(settings: Settings, addresses: tuple[str, ...]) -> Iterator[Callable[[], Found]]:
    """One search for all addresses, as a mail client asks."""
    filters = "".join(f"(mail={address})" for address in addresses)
    server = Server(settings.ldap_uri, get_info=NONE)
    connection = Connection(server, auto_bind=True, check_names=False)
    opened = connection.socket

    def read() -> Found:
        connection.search(settings.ldap_suffix, f"(|{filters})", attributes=["mail"])
        return frozenset(str(entry["attributes"]["mail"][0]) for entry in connection.response or []), frozenset()

    yield read
    connection.unbind()
    # ldap3 says good-bye over a Unix socket without closing it.
    opened.close()


@pytest.fixture
def api(space: Registry, ldap_settings: Settings) -> Iterator[tuple[TestClient, dict[str, str]]]:
    _, key = issue(space, ldap_settings.key_pepper, "reader", ["read"], None)
    space.commit()
    settings = ldap_settings.model_copy(update={"database_pool": 4, "log_level": "error", "key_rate": 0})
    with TestClient(create_app(settings)) as client:
        yield client, {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(("old", "new"), [(OWN_ADDRESS, NEW[0]), (OWN_ADDRESS, NEW[1]), (ADDRESS, None)])
def test_nobody_finds_none_or_two(
    space: Registry, ldap_settings: Settings, api: tuple[TestClient, dict[str, str]], old: str, new: str | None
) -> None:
    sync_once(ldap_settings)
    names = (old, new) if new else (old,)
    rest, copy = Rest(*api, names), Copy(*api, names)
    after = frozenset({new or old})

    def is_moved(found: Found) -> bool:
        return found[0] == after and found[1] == frozenset({RECEIVER})

    def is_named_anew(found: Found) -> bool:
        return found[0] == after

    with (
        searching(ldap_settings, names) as search,
        watched(rest.batch, is_moved) as batches,
        watched(copy.read, is_moved) as copies,
        watched(rest.person, is_named_anew) as persons,
        watched(search, is_named_anew) as searches,
        working(ldap_settings),
    ):
        agreed(space, "mailbox", old, new, in_ms=200)
        space.execute("SELECT pg_notify('annuaire_transfer', '')")
        space.commit()
        while space.execute("SELECT state FROM transfer").fetchone() != ("done",):
            space.rollback()
        space.rollback()
        sync_once(ldap_settings)
    for seen in (batches, copies, persons, searches):
        assert {len(addresses) for addresses, _ in seen} == {1}
    for seen in (batches, copies):
        assert {operators for _, operators in seen} <= {frozenset({GIVER}), frozenset({RECEIVER})}


@pytest.mark.parametrize("new", NEW)
def test_a_batch_of_ldap_never_ends_between_the_two_addresses(
    space: Registry, ldap_settings: Settings, database: Database, new: str
) -> None:
    sync_once(ldap_settings)
    a_mailbox(space, f"before@{THEIRS}", mailbox_type="APP")
    publish(space, ("mailbox", f"before@{THEIRS}"))
    agreed(space, "mailbox", OWN_ADDRESS, new)
    settle_due(database.connect(autocommit=True), ldap_settings)
    one = ldap_settings.model_copy(update={"ldap_batch": 1})
    found = []
    with (
        Exporter(one.ldap_uri, one.ldap_suffix) as exporter,
        searching(ldap_settings, (OWN_ADDRESS, new)) as reader,
    ):
        connection = database.connect(autocommit=True)
        made = step(connection, exporter, one)
        found.append(reader()[0])
        while not made.is_done:
            made = step(connection, exporter, one)
            found.append(reader()[0])
    assert found[0] == {OWN_ADDRESS}
    assert found[-1] == {new}
    assert {len(addresses) for addresses in found} == {1}

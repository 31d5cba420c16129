"""Exports while something happens to them: writers, slow clients, clients that leave, keys that end, time that is over.

The app is called as a server calls it, so that a test decides when its client reads.
"""

import asyncio
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, Self

import psycopg
import pytest

from app.access.keys import revoke
from app.search import export_reading, export_stream, export_writing
from app.settings import Settings
from tests.builders import DOMAIN, a_mailbox, a_practitioner, publish
from tests.harness.asgi import Served, ask, serving
from tests.search.exports import ndjson

Connection = psycopg.Connection[Any]
Headers = dict[str, str]
COUNT = 40
PATIENCE = 30
EXPORTING = "FROM pg_stat_activity WHERE application_name = 'annuaire-api-export' AND datname = current_database()"


@pytest.fixture
def mailboxes(registry: Connection) -> list[str]:
    addresses = [a_mailbox(registry, f"m{number:03}@{DOMAIN}") for number in range(COUNT)]
    publish(registry, *[("mailbox", address) for address in addresses])
    return addresses


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row is a block, and a portion holds few."""
    monkeypatch.setattr(export_writing, "BLOCK", 1)
    monkeypatch.setattr(export_reading, "PORTION", 3)


@pytest.fixture
def served(api_settings: Settings) -> Iterator[Served]:
    with serving(api_settings) as served:
        yield served


class Client:
    """A client of one export that reads when it is told to. `told` holds what it was sent."""

    def __init__(self, served: Served, headers: Headers, target: str = "/v1/exports/mailboxes") -> None:
        self._app: Any = served.apps[0]
        self._headers, self._target = headers, target
        self.told: list[dict[str, Any]] = []
        self.takes = asyncio.Semaphore(0)
        self.is_gone = asyncio.Event()
        self.has_news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        path, _, query = self._target.partition("?")
        headers = [(name.lower().encode(), value.encode()) for name, value in self._headers.items()]
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
            "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "root_path": "", "headers": headers, "client": ("192.0.2.7", 1), "server": ("annuaire.example", 80),
            "state": {},
        }  # fmt: skip
        self._task = asyncio.create_task(self._app(scope, self._receive, self._send))
        return self

    async def __aexit__(self, *raised: object) -> None:
        assert self._task
        self.is_gone.set()
        self.takes.release()
        await asyncio.wait([self._task], timeout=PATIENCE)

    async def _receive(self) -> dict[str, Any]:
        await self.is_gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        """As a server whose buffer is full: it comes back when the client takes this, or has gone."""
        if not self.is_gone.is_set():
            await self.takes.acquire()
        self.told.append(message)
        self.has_news.set()

    async def take(self, messages: int) -> None:
        """Read so many messages more."""
        wanted = len(self.told) + messages
        for _ in range(messages):
            self.takes.release()
        async with asyncio.timeout(PATIENCE):
            while len(self.told) < wanted:
                self.has_news.clear()
                await self.has_news.wait()

    async def take_all(self) -> None:
        for _ in range(10_000):
            self.takes.release()
        await self.ended()

    async def ended(self) -> None:
        """Until the app has done with it."""
        assert self._task
        async with asyncio.timeout(PATIENCE):
            await self._task

    @property
    def body(self) -> str:
        return b"".join(message.get("body", b"") for message in self.told[1:]).decode()

    @property
    def is_complete(self) -> bool:
        """Whether the server was told that nothing follows: else it breaks the connection off."""
        return not self.told[-1].get("more_body", False)

    @property
    def edition(self) -> int:
        return int(dict(self.told[0]["headers"])[b"directory-edition"])


def connections(registry: Connection) -> int:
    """How many the exports hold now."""
    row = registry.execute(f"SELECT count(*) {EXPORTING}".encode()).fetchone()
    registry.commit()
    return row[0] if row else 0


def is_held(registry: Connection) -> bool:
    """Whether an export that ended goes on holding its connection. PostgreSQL takes a moment to end its side."""
    deadline = time.monotonic() + PATIENCE
    while connections(registry):
        if time.monotonic() > deadline:
            return True
    return False


@pytest.mark.usefixtures("small_blocks")
def test_an_export_is_one_edition_while_writers_write(
    served: Served, mailboxes: list[str], registry: Connection, reader: Headers
) -> None:
    async def exported() -> Client:
        async with Client(served, reader) as client:
            await client.take(5)
            for number in range(0, COUNT, 2):
                registry.execute("UPDATE mailbox SET unlisted = true WHERE address = %s", (mailboxes[number],))
                fresh = a_mailbox(registry, f"m{number:03}new@{DOMAIN}")
                publish(registry, ("mailbox", mailboxes[number]), ("mailbox", fresh))
            await client.take_all()
            return client

    client = served.run(exported())
    items, end = ndjson(client.body)
    assert [item["address"] for item in items] == mailboxes
    assert end == {"end": True, "items": COUNT, "edition": client.edition}
    assert client.edition == COUNT
    after, end = ndjson(served.run(ask(served.apps[0], "GET", "/v1/exports/mailboxes", reader.items())).body.decode())
    assert len(after) == COUNT
    assert not {item["address"] for item in after} & set(mailboxes[::2])
    assert end["edition"] > COUNT


@pytest.mark.usefixtures("small_blocks")
def test_a_search_by_name_is_one_edition_too(served: Served, registry: Connection, reader: Headers) -> None:
    """It goes on page by page: each is another statement."""
    people = [a_practitioner(registry, rpps=f"9990000{n:04}", family="MARTIN", given=f"Anne {n:02}") for n in range(12)]
    before = publish(registry, *[("practitioner", person) for person in people])

    async def exported() -> Client:
        async with Client(served, reader, "/v1/exports/practitioners?name=martin") as client:
            await client.take(3)
            registry.execute("UPDATE practice SET family = 'DURAND' WHERE practitioner > %s", (people[5],))
            publish(registry, *[("practitioner", person) for person in people])
            await client.take_all()
            return client

    items, end = ndjson(served.run(exported()).body)
    assert [item["national_id"] for item in items] == people
    assert end == {"end": True, "items": len(people), "edition": before}


@pytest.mark.usefixtures("small_blocks", "mailboxes")
def test_a_client_that_stops_reading_is_left_and_holds_nothing(
    api_settings: Settings, registry: Connection, reader: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_stream, "LAST_LINE_SECONDS", 0.1)
    with serving(api_settings.model_copy(update={"export_seconds": 1})) as served:

        async def exported() -> Client:
            async with Client(served, reader) as client:
                await client.take(4)
                assert connections(registry) == 1
                await client.ended()
                return client

        client = served.run(exported())
        assert not client.is_complete
        assert '"end"' not in client.body
        assert served.apps[0].state.export_places.taken == 0
        assert not is_held(registry)


@pytest.mark.usefixtures("small_blocks")
def test_a_client_that_is_slow_gets_a_last_line_that_goes_on(
    api_settings: Settings, mailboxes: list[str], reader: Headers
) -> None:
    with serving(api_settings.model_copy(update={"export_seconds": 1})) as served:

        async def exported() -> Client:
            async with Client(served, reader) as client:
                await client.take(4)
                await asyncio.sleep(1)  # The time of the export is over.
                await client.take_all()
                return client

        client = served.run(exported())
        items, end = ndjson(client.body)
        assert client.is_complete
        assert (end["end"], end["cut"], end["items"]) == (False, "time", len(items))
        assert 3 <= len(items) < COUNT
        rest = served.run(ask(served.apps[0], "GET", f"/v1/exports/mailboxes?cursor={end['next']}", reader.items()))
        assert [item["address"] for item in items + ndjson(rest.body.decode())[0]] == mailboxes


@pytest.mark.usefixtures("small_blocks", "mailboxes")
def test_a_client_that_leaves_holds_nothing(served: Served, registry: Connection, reader: Headers) -> None:
    async def exported() -> Client:
        async with Client(served, reader) as client:
            await client.take(3)
        return client

    client = served.run(exported())
    assert not client.is_complete
    assert len(client.told) < COUNT
    assert served.apps[0].state.export_places.taken == 0
    assert not is_held(registry)


@pytest.mark.usefixtures("small_blocks", "mailboxes")
def test_who_leaves_is_charged_and_noted_for_what_was_sent_alone(
    api_settings: Settings, registry: Connection, key_for: Callable[..., Headers]
) -> None:
    with serving(api_settings) as served:

        async def exported() -> Client:
            async with Client(served, key_for("read", budget=COUNT)) as client:
                await client.take(5)
            return client

        sent = served.run(exported()).body.count("\n")
    assert 4 <= sent < 8
    assert registry.execute("SELECT count(*) FROM disclosure").fetchone() == (sent,)
    assert registry.execute("SELECT shown FROM consultation").fetchall() == [(sent,)]


@pytest.mark.usefixtures("small_blocks", "mailboxes")
def test_a_key_that_is_revoked_meanwhile_sees_nothing_more(
    served: Served, registry: Connection, reader: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_writing, "READMIT_SECONDS", 0.0)

    async def exported() -> Client:
        async with Client(served, reader) as client:
            await client.take(4)
            revoke(registry, reader["Authorization"].split("_")[1])
            registry.commit()
            await client.take_all()
            return client

    client = served.run(exported())
    items, end = ndjson(client.body)
    assert len(items) < COUNT
    assert (end["end"], end["cut"], end["items"]) == (False, "credentials.invalid", len(items))


@pytest.mark.usefixtures("small_blocks", "mailboxes")
def test_an_export_whose_database_goes_away_breaks_off(served: Served, registry: Connection, reader: Headers) -> None:
    async def exported() -> Client:
        async with Client(served, reader) as client:
            await client.take(4)
            registry.execute(f"SELECT pg_terminate_backend(pid, 10000) {EXPORTING}".encode())
            with pytest.raises(RuntimeError, match="response already started"):
                await client.take_all()
            return client

    client = served.run(exported())
    assert not client.is_complete
    assert '"end"' not in client.body
    assert served.apps[0].state.export_places.taken == 0


@pytest.mark.usefixtures("small_blocks", "mailboxes")
def test_places_are_few_and_no_key_takes_all(served: Served, key_for: Callable[..., Headers]) -> None:
    keys = [key_for("read") for _ in range(3)]

    async def refused(headers: Headers) -> Any:
        answer = await ask(served.apps[0], "GET", "/v1/exports/mailboxes", headers.items())
        return answer.status, answer.code, answer.header("retry-after")

    async def exported() -> None:
        async with Client(served, keys[0]) as first, Client(served, keys[0]) as second:
            await first.take(1)
            await second.take(1)
            assert await refused(keys[0]) == (503, "export.too_many", "10")
            async with Client(served, keys[1]) as third, Client(served, keys[1]) as fourth:
                await third.take(1)
                await fourth.take(1)
                assert await refused(keys[2]) == (503, "export.too_many", "10")
        assert (await refused(keys[2]))[0] == 200

    served.run(exported())
    assert served.apps[0].state.export_places.taken == 0


def test_memory_stays_flat_however_many_rows_there_are(
    served: Served, registry: Connection, reader: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times the rows take no more memory: never more than two portions and a block are held."""
    monkeypatch.setattr(export_reading, "PORTION", 50)
    a_mailbox(registry, f"a@{DOMAIN}", description="x" * 1_000)
    publish(registry, ("mailbox", f"a@{DOMAIN}"))

    def grow(first: int, last: int) -> None:
        numbers = {"first": first, "last": last}
        registry.execute(
            "INSERT INTO publication (kind, key, document, fingerprint, sequence, published_at)"
            " SELECT kind, n || key, document, sha256(n::text::bytea), n + 1, published_at FROM publication,"
            " generate_series(%(first)s::int, %(last)s) n WHERE kind = 'mailbox' AND key LIKE 'a@%%'",
            numbers,
        )
        registry.execute(
            "INSERT INTO mailbox_search SELECT n || key, domain, type, practitioners, organizations"
            " FROM mailbox_search, generate_series(%(first)s::int, %(last)s) n WHERE key LIKE 'a@%%'",
            numbers,
        )
        registry.commit()

    def peak(form: str) -> tuple[int, int]:
        """(lines, most bytes held at once) of an export whose client forgets what it has read."""
        lines = 0

        async def exported() -> None:
            nonlocal lines
            lines, is_more = 0, True
            async with Client(served, reader, f"/v1/exports/mailboxes?format={form}") as client:
                for _ in range(10_000):
                    client.takes.release()
                while is_more:
                    async with asyncio.timeout(PATIENCE):
                        await client.has_news.wait()
                    client.has_news.clear()
                    for message in client.told:
                        lines += message.get("body", b"").count(b"\n")
                        is_more = message["type"] == "http.response.start" or message.get("more_body", False)
                    client.told.clear()

        served.run(exported())
        tracemalloc.start()
        served.run(exported())
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return lines, most

    grow(1, 400)
    few = {form: peak(form) for form in ("ndjson", "csv")}
    grow(401, 4_000)
    many = {form: peak(form) for form in ("ndjson", "csv")}
    for form, (lines, most) in many.items():
        assert lines == 4_001 + {"ndjson": 1, "csv": 2}[form]
        assert most < few[form][1] * 1.5

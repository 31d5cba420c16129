"""The feed that waits: woken by a commit alone, in a bounded number of places, without a connection of the pool."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI

from app.access.keys import issue, revoke
from app.settings import Settings
from tests.builders import a_mailbox, a_structure, publish
from tests.harness.asgi import Answer, Served, ask, serving

Connection = psycopg.Connection[Any]
PLACES = 8


@pytest.fixture
def served(api_settings: Settings) -> Iterator[Served]:
    with serving(api_settings.model_copy(update={"feed_waiters": PLACES, "database_pool": 1})) as app:
        yield app


class Reader:
    """A reader with a key; it asks from the end of the feed."""

    def __init__(self, app: FastAPI, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = list(headers.items())

    async def changes(self, query: str = "") -> Answer:
        return await ask(self._app, "GET", f"/v1/changes?{query}", self._headers)

    async def end(self) -> str:
        return str((await self.changes("limit=1000")).json["next"])


@pytest.fixture
def own(served: Served, reader: dict[str, str]) -> Reader:
    return Reader(served.apps[0], reader)


async def waiting(app: FastAPI, *asked: Coroutine[Any, Any, Answer]) -> list[asyncio.Task[Answer]]:
    """These requests, once all of them have their places and are listening."""
    tasks = [asyncio.create_task(each) for each in asked]
    arrivals = app.state.arrivals
    await until(lambda: arrivals._listening.is_set() and arrivals._taken.total() == len(tasks))
    return tasks


async def until(condition: Callable[[], bool]) -> None:
    """Let the app go on until it stands so."""
    while not condition():  # noqa: ASYNC110 - it is the app's own state, and nobody tells of it
        await asyncio.sleep(0)


def one_more(registry: Connection, name: str = "later") -> int:
    return publish(registry, ("mailbox", a_mailbox(registry, f"{name}@ch-exemple.mssante.fr")))


def test_a_commit_ends_the_wait_of_everybody(served: Served, own: Reader, registry: Connection) -> None:
    async def scene() -> list[Answer]:
        end = await own.end()
        tasks = await waiting(served.apps[0], own.changes(f"after={end}&wait=30"), own.changes(f"after={end}&wait=30"))
        one_more(registry)
        return await asyncio.gather(*tasks)

    started = time.monotonic()
    answers = served.run(scene())
    assert [[item["sequence"] for item in answer.json["items"]] for answer in answers] == [[1], [1]]
    assert time.monotonic() - started < 30


def test_a_page_that_holds_something_comes_at_once(served: Served, own: Reader, registry: Connection) -> None:
    one_more(registry)
    answer = served.run(own.changes("wait=30"))
    assert len(answer.json["items"]) == 1
    assert served.apps[0].state.arrivals._listener is None


def test_a_rolled_back_write_wakes_nobody(served: Served, own: Reader, registry: Connection) -> None:
    async def scene() -> Answer:
        end = await own.end()
        (task,) = await waiting(served.apps[0], own.changes(f"after={end}&wait=1"))
        registry.execute("SELECT publish(ARRAY['mailbox'], ARRAY[%s])", (a_mailbox(registry),))
        registry.rollback()
        return await task

    answer = served.run(scene())
    assert (answer.status, answer.json["items"]) == (200, [])


def test_a_reader_of_one_kind_waits_on_when_another_kind_changes(
    served: Served, own: Reader, registry: Connection
) -> None:
    async def scene() -> Answer:
        end = await own.end()
        (task,) = await waiting(served.apps[0], own.changes(f"after={end}&wait=30&kind=organization"))
        one_more(registry)
        one_more(registry, "again")
        publish(registry, ("organization", a_structure(registry)))
        return await task

    assert [item["kind"] for item in served.run(scene()).json["items"]] == ["organization"]


def test_another_history_ends_the_wait(served: Served, own: Reader, registry: Connection) -> None:
    async def scene() -> Answer:
        end = await own.end()
        (task,) = await waiting(served.apps[0], own.changes(f"after={end}&wait=30"))
        registry.execute("SELECT begin_epoch('a test', 'test', 'restored')")
        registry.commit()
        return await task

    answer = served.run(scene())
    assert (answer.status, answer.code, answer.json["snapshot"]) == (410, "feed.cursor_expired", None)


def test_whoever_waits_holds_no_connection_of_the_pool(served: Served, own: Reader, registry: Connection) -> None:
    """The pool has one: a plain read is answered while two wait."""

    async def scene() -> Answer:
        end = await own.end()
        wait = f"after={end}&wait=30"
        tasks = await waiting(served.apps[0], own.changes(wait), own.changes(wait))
        plain = await own.changes(f"after={end}")
        assert not any(task.done() for task in tasks)
        one_more(registry)
        await asyncio.gather(*tasks)
        return plain

    assert served.run(scene()).json["items"] == []


def test_places_are_bounded_for_one_caller_and_for_all(
    served: Served, own: Reader, registry: Connection, api_settings: Settings
) -> None:
    readers = [own]
    for number in range(PLACES):
        _, key = issue(registry, api_settings.key_pepper, f"reader {number}", ("read",), None)
        readers.append(Reader(served.apps[0], {"Authorization": f"Bearer {key}"}))
    registry.commit()

    async def scene() -> list[Answer]:
        end = await own.end()
        wait = f"after={end}&wait=30"
        share = PLACES // 4
        tasks = await waiting(served.apps[0], *(own.changes(wait) for _ in range(share)))
        refused = [await own.changes(wait)]
        tasks += [asyncio.create_task(reader.changes(wait)) for reader in readers[1 : PLACES - share + 1]]
        await until(lambda: served.apps[0].state.arrivals._taken.total() == PLACES)
        refused.append(await readers[-1].changes(wait))
        one_more(registry)
        assert {answer.status for answer in await asyncio.gather(*tasks)} == {200}
        refused.append(await own.changes(wait))
        return refused

    first, second, after = served.run(scene())
    for answer in (first, second):
        assert (answer.status, answer.code) == (503, "feed.too_many_waiting")
        assert answer.header("retry-after") == "5"
    assert after.status == 200
    assert served.apps[0].state.arrivals._taken == {}


def test_a_key_that_was_revoked_meanwhile_shows_nothing(
    served: Served, registry: Connection, api_settings: Settings
) -> None:
    identity, key = issue(registry, api_settings.key_pepper, "revoked", ("read",), None)
    registry.commit()
    reader = Reader(served.apps[0], {"Authorization": f"Bearer {key}"})

    async def scene() -> Answer:
        end = await reader.end()
        (task,) = await waiting(served.apps[0], reader.changes(f"after={end}&wait=30"))
        revoke(registry, identity)
        registry.commit()
        one_more(registry)
        return await task

    answer = served.run(scene())
    assert (answer.status, answer.code) == (401, "credentials.invalid")


def test_a_lost_connection_is_made_again(served: Served, own: Reader, registry: Connection) -> None:
    async def scene() -> Answer:
        end = await own.end()
        (task,) = await waiting(served.apps[0], own.changes(f"after={end}&wait=30"))
        registry.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'annuaire-api-feed'"
        )
        registry.commit()
        listening = served.apps[0].state.arrivals._listening
        await until(lambda: not listening.is_set())
        await until(listening.is_set)
        one_more(registry)
        return await task

    assert [item["sequence"] for item in served.run(scene()).json["items"]] == [1]

"""What a full process says, and to whom: refused at once and unread; what is at work is done, health answers."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx2
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from starlette.types import Message, Receive, Scope, Send

from app.admission import ALWAYS, RETRY_SECONDS, STANDING, Admission, Places, place_of
from app.settings import Settings
from tests.builders import a_mailbox, publish
from tests.harness.asgi import ask
from tests.harness.serving import serving

MOST = 4
START: Message = {"type": "http.response.start", "status": 200, "headers": []}
END: Message = {"type": "http.response.body", "body": b"done"}


class Held:
    """An app whose requests stay where their header `x-stay` says until they are let go, each in its own way."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.begun = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stay = dict(scope["headers"]).get(b"x-stay", b"at work").decode()
        self.begun += 1
        if stay == "for its body":
            await receive()
        elif stay == "aside":
            with place_of(scope).aside():
                await self.free.wait()
        elif stay == "answering":
            await send(START)
            await receive()
            await self.free.wait()
            await send(END)
            return
        elif stay != "at work":
            await self.free.wait()
            raise ValueError(stay)
        await self.free.wait()
        await send(START)
        await send(END)


async def asked(admission: Admission, path: str = "/x", method: str = "GET", stay: str = "at work") -> int:
    """The status; 0 for a request that failed or was given up."""
    try:
        answer = await ask(admission, method, path, [("x-stay", stay)])  # type: ignore[arg-type]
    except (ValueError, asyncio.CancelledError):
        return 0
    return answer.status


def places(most: int = MOST) -> Places:
    return Places(most, CollectorRegistry())


STAYS = ("at work", "for its body", "aside", "answering", "failing")
REQUESTS = st.lists(st.tuples(st.sampled_from(("GET", "HEAD", "PUT", "POST")), st.sampled_from(STAYS)), max_size=40)


@given(REQUESTS, st.integers(1, 6), st.integers(0, 40))
def test_as_many_are_at_work_as_may_be_and_every_place_comes_back(
    requests: list[tuple[str, str]], most: int, given_up: int
) -> None:
    held = places(most)
    working = changing = 0
    expected: list[bool] = []
    for method, stay in requests:
        is_read = method in {"GET", "HEAD"}
        is_in = working < most and (is_read or changing < max(1, most // 2)) and sum(expected) < STANDING * most
        expected.append(is_in)
        if is_in and stay in {"at work", "failing", "for its body"}:
            working += 1
            changing += not is_read

    async def scene() -> list[int]:
        app = Held()
        admission = Admission(app, held)
        tasks = []
        for method, stay in requests:
            tasks.append(asyncio.create_task(asked(admission, method=method, stay=stay)))
            await asyncio.sleep(0)
        assert app.begun == sum(expected)
        assert (held.working, held.changing, held.open) == (working, changing, sum(expected))
        for task in tasks[:given_up]:
            task.cancel()
        app.free.set()
        return await asyncio.gather(*tasks)

    statuses = asyncio.run(scene())
    assert [status == 503 for status in statuses] == [not each for each in expected]
    assert (held.working, held.changing, held.open) == (0, 0, 0)


@pytest.mark.parametrize("path", sorted(ALWAYS))
def test_what_watches_is_let_in_however_full_it_is(path: str) -> None:
    held = places()
    held.working = held.open = 1_000

    async def scene() -> int:
        app = Held()
        app.free.set()
        return await asked(Admission(app, held), path)

    assert asyncio.run(scene()) == 200


def test_whoever_is_refused_together_does_not_come_back_together() -> None:
    full = places()
    full.working = MOST
    waits = {full.refuse().retry_after for _ in range(200)}
    assert waits == set(range(RETRY_SECONDS[0], RETRY_SECONDS[1] + 1))


@pytest.fixture
def locked(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """A connection that published one mailbox and then holds the publication: whoever looks something up waits."""
    with closing(psycopg.connect(settings.database_url)) as connection:
        publish(connection, ("mailbox", a_mailbox(connection, "a@ch-exemple.mssante.fr")))
        connection.execute("LOCK publication IN ACCESS EXCLUSIVE MODE")
        yield connection


def test_a_full_server_refuses_at_once_and_goes_on_when_it_can(
    settings: Settings, locked: psycopg.Connection[Any]
) -> None:
    """On real sockets, with a database that answers nothing of what is asked for."""
    narrow = settings.model_copy(update={"requests_at_once": MOST, "database_pool": 2, "log_level": "error"})
    with serving(narrow) as url:
        asyncio.run(_storm(url, locked))


async def _storm(url: str, locked: psycopg.Connection[Any]) -> None:
    path = "/v1/mailboxes/a@ch-exemple.mssante.fr"
    async with httpx2.AsyncClient(base_url=url, timeout=60, limits=httpx2.Limits(max_connections=None)) as client:
        slow = [await _half_a_body(url) for _ in range(MOST)]
        held = [asyncio.create_task(client.get(path)) for _ in range(MOST)]
        await _until_at_work(client, MOST)
        refused = await asyncio.gather(*(client.get(path, headers={"X-Request-ID": f"r{n}"}) for n in range(20)))
        for number, answer in enumerate(refused):
            assert (answer.status_code, answer.json()["code"]) == (503, "server.busy")
            assert answer.headers["X-Request-ID"] == answer.json()["request_id"] == f"r{number}"
            assert RETRY_SECONDS[0] <= int(answer.headers["Retry-After"]) <= RETRY_SECONDS[1]
        reader, writer = await _half_a_body(url)
        assert b"503" in await reader.readline()  # its body was never waited for
        writer.close()
        await writer.wait_closed()
        assert (await client.get("/readyz")).json()["status"] == "ready"
        assert (await client.head("/healthz")).status_code == 200
        assert "annuaire_requests_refused_total 21.0" in (await client.get("/metrics")).text
        assert not any(task.done() for task in held)
        locked.commit()
        assert [answer.status_code for answer in await asyncio.gather(*held)] == [200] * MOST
        for reader, writer in slow:
            writer.write(b" " * 19 + b"}")
            assert b"422" in await reader.readline()
            writer.close()
            await writer.wait_closed()
        await _until_at_work(client, 0)
        assert (await client.get(path)).status_code == 200


async def _half_a_body(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A batch of writes whose sender has stopped in the middle."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    head = (
        "POST /v1/mailboxes/check HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n"
    )
    writer.write(head.encode() + b'{"addresses": []    ')
    await writer.drain()
    return reader, writer


async def _until_at_work(client: httpx2.AsyncClient, count: int) -> None:
    while True:
        text = (await client.get("/metrics")).text
        if re.search(rf"^annuaire_requests_at_work {count}\.0$", text, re.MULTILINE):
            return


def test_the_description_says_that_anything_but_health_may_be_refused(settings: Settings) -> None:
    from app.main import create_app  # noqa: PLC0415

    paths = create_app(settings).openapi()["paths"]
    told = {path for path in paths if "server.busy" in json.dumps(paths[path])}
    assert set(paths) - told == set(ALWAYS)

"""Hot reads share a connection and nothing else: each gets its own answer, whatever becomes of the others."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import psycopg
import pytest
from psycopg.pq.abc import PGresult
from psycopg_pool import PoolTimeout, TooManyRequests

from app import pipelined
from app.pipelined import Reads, Statement
from app.settings import Settings
from tests.harness.database import Database

ECHO = Statement(b"echo", b"SELECT $1::text, pg_backend_pid()")
INVERSE = Statement(b"inverse", b"SELECT 1 / $1::int")
SLEEP = Statement(b"sleep", b"SELECT pg_sleep($1::int)")
WRONG = Statement(b"wrong", b"SELECT no_such_column")
WRITE = Statement(b"write", b"UPDATE directory SET edition = edition RETURNING edition")
T = TypeVar("T")


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Reads]:
    reads = Reads(settings)
    reads.open()
    try:
        yield reads
    finally:
        await reads.close()


def run(settings: Settings, work: Callable[[Reads], Awaitable[T]]) -> T:
    async def main() -> T:
        async with opened(settings) as reads:
            return await work(reads)

    return asyncio.run(main())


def text(result: PGresult, column: int = 0) -> str:
    return (result.get_value(0, column) or b"").decode()


def test_each_of_many_reads_gets_its_own_row(settings: Settings) -> None:
    async def work(reads: Reads) -> list[str]:
        answers = await asyncio.gather(*(reads.one(ECHO, b"%d" % number) for number in range(200)))
        return [text(each) for each in answers]

    assert run(settings, work) == [str(number) for number in range(200)]


def test_a_failing_statement_fails_its_portion_with_its_own_reason_and_nothing_after(settings: Settings) -> None:
    async def work(reads: Reads) -> None:
        asked = (reads.one(INVERSE, b"1"), reads.one(INVERSE, b"0"), reads.one(ECHO, b"behind"))
        first, *failed = await asyncio.gather(*asked, return_exceptions=True)
        assert not isinstance(first, BaseException)
        assert [type(each) for each in failed] == [psycopg.errors.DivisionByZero] * 2
        assert text(await reads.one(ECHO, b"after")) == "after"

    run(settings, work)


def test_a_statement_that_cannot_be_prepared_says_so_each_time(settings: Settings) -> None:
    async def work(reads: Reads) -> None:
        for _ in range(3):
            with pytest.raises(psycopg.errors.UndefinedColumn):
                await reads.one(WRONG)
            assert text(await reads.one(ECHO, b"well")) == "well"

    run(settings, work)


def test_nothing_is_written_by_a_read(settings: Settings) -> None:
    async def work(reads: Reads) -> None:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await reads.one(WRITE)

    run(settings, work)


def test_who_leaves_before_the_answer_takes_nobody_elses(settings: Settings) -> None:
    async def work(reads: Reads) -> None:
        leaving = asyncio.create_task(reads.one(ECHO, b"leaving"))
        staying = asyncio.create_task(reads.one(ECHO, b"staying"))
        await asyncio.sleep(0)
        leaving.cancel()
        assert text(await staying) == "staying"

    run(settings, work)


BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


async def until(is_so: Callable[[], bool]) -> None:
    """Ask again until it is so; the whole run has a limit."""
    while not is_so():  # noqa: ASYNC110 - what is waited for happens in another process
        await asyncio.sleep(0)


def test_a_lost_connection_fails_those_on_it_and_comes_back(settings: Settings, database: Database) -> None:
    other = database.connect(autocommit=True)

    async def work(reads: Reads) -> None:
        waiting = asyncio.create_task(reads.one(SLEEP, b"60"))
        sleeping = f"{BACKENDS} AND wait_event = 'PgSleep'"
        await until(lambda: bool(other.execute(sleeping.encode()).fetchall()))
        other.execute(f"SELECT pg_terminate_backend(b.pid) FROM ({sleeping}) b".encode())
        with pytest.raises(psycopg.OperationalError):
            await waiting
        await until(lambda: len(other.execute(BACKENDS).fetchall()) == pipelined.LINES)
        assert [text(await reads.one(ECHO, b"again")) for _ in range(3)] == ["again"] * 3

    run(settings, work)


def test_idle_connections_that_were_ended_are_replaced_before_anybody_asks(
    settings: Settings, database: Database
) -> None:
    other = database.connect(autocommit=True)

    def backends() -> set[int]:
        return {pid for (pid,) in other.execute(BACKENDS)}

    async def work(reads: Reads) -> None:
        await until(lambda: len(backends()) == pipelined.LINES)
        before = backends()
        other.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) pid", (list(before),))
        await until(lambda: len(backends() - before) == pipelined.LINES)
        assert text(await reads.one(ECHO, b"again")) == "again"

    run(settings, work)


def test_nobody_waits_for_ever_for_a_connection(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelined, "PATIENCE", 0.01)
    monkeypatch.setattr(pipelined, "LOOK_SECONDS", 0.01)
    nowhere = settings.model_copy(update={"database_url": "postgresql:///annuaire?host=/nonexistent"})

    async def work(reads: Reads) -> None:
        with pytest.raises(PoolTimeout):
            await reads.one(ECHO, b"")

    run(nowhere, work)


def test_one_too_many_is_refused_at_once(settings: Settings) -> None:
    narrow = settings.model_copy(update={"database_pool": 1})

    async def work(reads: Reads) -> None:
        answers = await asyncio.gather(*(reads.one(ECHO, b"") for _ in range(33)), return_exceptions=True)
        assert [type(each) for each in answers if isinstance(each, BaseException)] == [TooManyRequests]

    run(narrow, work)


def test_a_server_that_went_silent_is_given_up(settings: Settings) -> None:
    async def work(reads: Reads) -> None:
        waiting = asyncio.create_task(reads.one(SLEEP, b"4"))
        await until(lambda: any(line._is_busy for line in reads._lines))
        (line,) = (each for each in reads._lines if each._is_busy)
        line.require_alive(time.monotonic() + settings.statement_timeout_ms / 1_000)
        assert not waiting.done()
        line.require_alive(time.monotonic() + settings.statement_timeout_ms / 1_000 + 10)
        with pytest.raises(psycopg.OperationalError, match="says nothing"):
            await waiting
        assert text(await reads.one(ECHO, b"again")) == "again"

    run(settings, work)


def test_the_end_of_the_app_is_told_to_who_still_waits(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as reads:
            await reads.one(ECHO, b"")
            waiting = asyncio.create_task(reads.one(SLEEP, b"60"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        with pytest.raises(psycopg.OperationalError, match="ends"):
            await waiting

    asyncio.run(work())

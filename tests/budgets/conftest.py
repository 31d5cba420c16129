"""The API in process with a small budget, and the ledger on a database of the test's own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
import pytest
from starlette.testclient import TestClient

from app.budgets.ledger import Ledger
from app.main import create_app
from app.pools import counting_pool
from app.settings import Settings
from tests.builders import a_mailbox, a_practitioner, publish
from tests.http.fixtures import api_settings, key_for, reader, registry

__all__ = ["api_settings", "key_for", "reader", "registry"]

Connection = psycopg.Connection[Any]
Result = TypeVar("Result")
BUDGET = 5


@pytest.fixture
def small(api_settings: Settings) -> Settings:
    """Anonymous callers may see BUDGET persons a day."""
    return api_settings.model_copy(update={"anonymous_budget": BUDGET})


@pytest.fixture
def client(small: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(small), raise_server_exceptions=False) as test_client:
        yield test_client


@pytest.fixture
def people(registry: Connection) -> list[str]:
    """RPPS of nine published people MARTIN, each with a mailbox: m<n>@ch-exemple.mssante.fr."""
    rpps = [f"9990000{number:04}" for number in range(9)]
    for number, each in enumerate(rpps):
        person = a_practitioner(registry, rpps=each, family="MARTIN", given=f"Anne {number}")
        a_mailbox(registry, f"m{number}@ch-exemple.mssante.fr", practitioner=person)
    ids = [("practitioner", "8" + each) for each in rpps]
    publish(registry, *ids, *[("mailbox", f"m{number}@ch-exemple.mssante.fr") for number in range(9)])
    return rpps


@asynccontextmanager
async def a_ledger(settings: Settings) -> AsyncIterator[Ledger]:
    """A process of its own, as far as the database can tell: another ledger with other connections."""
    pool = counting_pool(settings)
    await pool.open()
    try:
        yield Ledger(pool, settings.key_pepper)
    finally:
        await pool.close()


@pytest.fixture
def with_ledger(small: Settings) -> Callable[[Callable[[Ledger], Awaitable[Result]]], Result]:
    """Run something with a fresh ledger."""

    def run(do: Callable[[Ledger], Awaitable[Result]]) -> Result:
        async def opened() -> Result:
            async with a_ledger(small) as ledger:
                return await do(ledger)

        return asyncio.run(opened())

    return run

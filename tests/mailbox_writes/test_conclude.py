"""How a write ends: the locks that everybody queues for are taken and given back by one message."""

import asyncio
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from app.access.caller import Identity
from app.mailboxes import writing
from app.mailboxes.wish import Wish, address_of, body_of
from app.mailboxes.writing import Connection, Writer
from tests.builders import DOMAIN, an_operator
from tests.harness.database import Database
from tests.mailbox_writes.operators import ADDRESS, domain_of, per

LOCKS = "SELECT array_agg(objid::bigint) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"


async def begun(connection: Connection, operator: str) -> None:
    """A write up to its conclusion."""
    caller = Identity("program", operator=operator, scopes=frozenset({"publish"}), credential="key:program")
    writer = Writer(caller, operator, None, (DOMAIN,), 365)
    wish = Wish("put", address_of(ADDRESS), body=body_of("put", per()))
    async with connection.pipeline():
        await connection.execute("BEGIN", prepare=False)
        outcome = writing.judge(writer, wish, await writing.stand(connection, writer, [wish]))
        await writing.store(connection, [outcome])
        await writing.remember(connection, writer, [outcome], status=201, address=ADDRESS, location=None, key=None)


def test_before_its_conclusion_a_write_holds_neither_lock_and_after_it_nothing(
    world: psycopg.Connection[Any], database: Database
) -> None:
    operator = an_operator(world, domains=(domain_of("own"),))
    world.commit()

    async def write() -> None:
        async with await psycopg.AsyncConnection.connect(database.dsn, autocommit=True) as connection:
            async with writing.rolled_back(connection):
                await begun(connection, operator)
                assert await (await connection.execute(LOCKS)).fetchone() == (None,)
                status, _, body = await writing.conclude(connection)
                assert connection.info.transaction_status == TransactionStatus.IDLE
            assert (status, b'"address":"' + ADDRESS.encode() in body) == (201, True)

    asyncio.run(write())
    assert world.execute("SELECT count(*) FROM audit WHERE object_key = %s", [ADDRESS]).fetchone() == (1,)
    assert world.execute("SELECT count(*) FROM publication WHERE key = %s", [ADDRESS]).fetchone() == (1,)


def test_a_write_without_a_conclusion_leaves_nothing(world: psycopg.Connection[Any], database: Database) -> None:
    operator = an_operator(world, domains=(domain_of("own"),))
    world.commit()

    async def write() -> None:
        async with await psycopg.AsyncConnection.connect(database.dsn, autocommit=True) as connection:
            async with writing.rolled_back(connection):
                await begun(connection, operator)
            assert connection.info.transaction_status == TransactionStatus.IDLE
            remembered = await (await connection.execute("SELECT current_setting('annuaire.writes', true)")).fetchone()
            assert remembered == ("",)

    asyncio.run(write())
    assert world.execute("SELECT count(*) FROM mailbox WHERE address = %s", [ADDRESS]).fetchone() == (0,)

"""Every session of ours is the same, whatever the house that runs the server has configured."""

import ast
import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import text

from app.db import OURS, UNHURRIED, connect, session
from app.pipelined import Statement, reads_of
from app.pools import counting_pool, open_engine, read_pool, state_pool, write_pool
from app.settings import Settings
from tests.docs.markdown import ROOT
from tests.harness.database import Database

# As for databases that sum up years of sales, on an island.
HOUSE = {
    "jit": "on",
    "timezone": "Pacific/Noumea",
    "datestyle": "German",
    "default_transaction_isolation": "serializable",
    "client_encoding": "LATIN1",
}
ASKED = f"SELECT concat_ws('|', {', '.join(f'current_setting({name!r})' for name in OURS)})"
EXPECTED = "off|UTC|ISO, YMD|read committed|UTF8"
# Who asks for its version, makes a cluster, or writes a database that is not ours needs no more than that.
OTHERS = {"embedded", "schema", "replica"}
Pool = Callable[[Settings], AsyncConnectionPool[psycopg.AsyncConnection[Any]]]


@pytest.fixture
def house(database: Database) -> None:
    with database.connect(autocommit=True) as connection:
        for name, value in HOUSE.items():
            connection.execute(
                sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                    sql.Identifier(database.name), sql.Identifier(name), sql.Literal(value)
                )
            )


async def _of_commands(settings: Settings) -> Any:
    with connect(settings) as connection:
        return (connection.execute(ASKED.encode()).fetchone() or ("",))[0]


async def _of_engine(settings: Settings) -> Any:
    engine = open_engine(settings)
    try:
        async with engine.connect() as connection:
            return await connection.scalar(text(ASKED))
    finally:
        await engine.dispose()


async def _of_lines(settings: Settings) -> Any:
    reads = reads_of(settings)
    reads.open()
    try:
        return ((await reads.one(Statement(b"shown", ASKED.encode()))).get_value(0, 0) or b"").decode()
    finally:
        await reads.close()


def _of(opened: Pool) -> Callable[[Settings], Coroutine[Any, Any, Any]]:
    async def shown(settings: Settings) -> Any:
        async with opened(settings) as pool, pool.connection() as connection:
            return (await (await connection.execute(ASKED.encode())).fetchone() or ("",))[0]

    return shown


KINDS: Mapping[str, Callable[[Settings], Coroutine[Any, Any, Any]]] = {
    "commands and workers": _of_commands,
    "hot reads": _of_lines,
    "reads": _of(read_pool),
    "state": _of(state_pool),
    "counting": _of(counting_pool),
    "writes": _of(write_pool),
    "other writes": _of_engine,
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_house_configured_is_not_taken_over(kind: str, house: None, settings: Settings) -> None:
    del house
    assert asyncio.run(KINDS[kind](settings.model_copy(update={"database_pool": 1}))) == EXPECTED


def test_a_command_is_as_long_at_work_as_it_must_be(database: Database, settings: Settings) -> None:
    with database.connect(autocommit=True) as connection:
        for name in UNHURRIED:
            statement = sql.SQL("ALTER DATABASE {} SET {} = '30s'")
            connection.execute(statement.format(sql.Identifier(database.name), sql.Identifier(name)))
    with connect(settings) as ours:
        for name in UNHURRIED:
            assert ours.execute(f"SHOW {name}".encode()).fetchone() == ("0",)


def test_a_value_may_hold_spaces_and_backslashes() -> None:
    assert session(search_path="a b\\c").endswith(" -c search_path=a\\ b\\\\c")


def _connections(path: Path) -> list[ast.Call]:
    """Where a module connects by psycopg itself."""
    return [
        call
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in {"psycopg.connect", "psycopg.AsyncConnection.connect"}
    ]


def test_every_connection_is_a_session_of_ours() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{call.lineno}": [
            ast.unparse(each.value) for each in call.keywords if each.arg == "options"
        ]
        for path in (ROOT / "app").rglob("*.py")
        for call in _connections(path)
        if not OTHERS & set(path.relative_to(ROOT).parts)
    }
    assert len(found) > 5
    assert [place for place, given in found.items() if not given or not given[0].startswith("session(")] == []

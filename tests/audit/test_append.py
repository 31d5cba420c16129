"""The trail grows at its end alone, in the order of commits, whoever writes."""

import asyncio
import hashlib
import json
import threading
from dataclasses import astuple, replace
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.audit import FIELDS, append, append_async, by_command, canonical_json, row_hash
from app.access.audit_verify import verify
from app.pools import open_engine
from app.settings import Settings
from tests.audit.acts import ACT
from tests.harness.database import Database

GENESIS = bytes(32)


def recomputed(row: Any) -> bytes:
    """The hash of one row (sequence … request_id, previous, hash), by nothing of ours."""
    values = dict(zip(("sequence", "at", *FIELDS), row, strict=False))
    values["at"] = values["at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    values |= {name: values[name].hex() for name in ("before", "after") if values[name] is not None}
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode() + row[12]).digest()


def test_each_row_is_bound_to_the_one_before(database: Database) -> None:
    with database.connect() as connection:
        assert [append(connection, replace(ACT, object_key=str(n))) for n in range(3)] == [1, 2, 3]
    rows = database.connect().execute("SELECT * FROM audit ORDER BY sequence").fetchall()
    assert [row[12] for row in rows] == [GENESIS, rows[0][13], rows[1][13]]
    assert [recomputed(row) for row in rows] == [row[13] for row in rows]
    head = database.connect().execute("SELECT sequence, hash, count FROM audit_head").fetchone()
    assert head == (3, rows[2][13], 3)


def test_many_acts_at_once_are_the_same_chain(database: Database) -> None:
    connection = database.connect()
    append(connection, ACT)
    given = (ACT.actor, ACT.credential, None, "key", ["a", "b"], ["x", "y"], [None, b"1"], [b"2", None], ["", "d"], "r")
    call = "SELECT audit_append_all(%s, %s, %s, %s, %s::text[], %s::text[], %s::bytea[], %s::bytea[], %s::text[], %s)"
    assert connection.execute(call, given).fetchone() == (3,)
    append(connection, ACT)
    connection.commit()
    found = verify(connection)
    assert (found.rows, found.faults) == (4, [])
    rows = connection.execute(
        "SELECT action, object_key, before, after, detail FROM audit ORDER BY sequence"
    ).fetchall()
    assert rows[1:3] == [("a", "x", None, b"2", ""), ("b", "y", b"1", None, "d")]


def test_an_act_that_is_rolled_back_leaves_nothing(database: Database) -> None:
    connection = database.connect()
    append(connection, ACT)
    connection.rollback()
    assert append(connection, ACT) == 1


def test_a_session_and_a_connection_add_the_same(settings: Settings) -> None:
    async def both() -> list[Any]:
        engine = open_engine(settings)
        async with AsyncSession(engine) as session, session.begin():
            assert await append_async(session, ACT) == 1
        await engine.dispose()
        async with await psycopg.AsyncConnection.connect(settings.database_url) as connection:
            assert await append_async(connection, ACT) == 2
            cursor = await connection.execute("SELECT * FROM audit ORDER BY sequence")
            return await cursor.fetchall()

    first, second = asyncio.run(both())
    assert first[2:12] == second[2:12] == astuple(ACT)


def test_two_writers_make_one_chain(database: Database) -> None:
    """Each transaction adds two acts: never do two chains grow side by side."""
    together = threading.Barrier(4)

    def write(name: str) -> None:
        with psycopg.connect(database.dsn) as connection:
            together.wait()
            for _ in range(25):
                append(connection, replace(ACT, actor=name))
                append(connection, replace(ACT, actor=name))
                connection.commit()

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = database.connect().execute("SELECT * FROM audit ORDER BY sequence").fetchall()
    assert [row[0] for row in rows] == list(range(1, 201))
    assert [row[12] for row in rows] == [GENESIS, *(row[13] for row in rows[:-1])]
    assert [recomputed(row) for row in rows] == [row[13] for row in rows]
    assert [first[2] for first in rows[::2]] == [second[2] for second in rows[1::2]]
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE sequence = 99",
        "TRUNCATE audit",
        "DELETE FROM audit_head",
        "TRUNCATE audit_head",
        "SET session_replication_role = replica; DELETE FROM audit",
    ],
)
def test_even_the_owner_is_refused(database: Database, statement: str) -> None:
    connection = database.connect()
    append(connection, ACT)
    connection.commit()
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        connection.execute(statement.encode())


def test_an_act_of_a_command_names_the_account() -> None:
    act = by_command("operator.added", "operator", "1", detail="GIP")
    assert act.actor.startswith("account ")
    assert act.credential == act.actor.replace(" ", ":", 1)
    assert (act.action, act.object_key, act.detail, act.operator) == ("operator.added", "1", "GIP", None)


def test_a_row_is_hashed_as_canonical_json() -> None:
    row = {"b": [True, None, 'é"'], "a": datetime(2026, 1, 2, 3, tzinfo=UTC), "day": date(2026, 1, 2), "key": b"\x0f"}
    written = '{"a":"2026-01-02T03:00:00.000000Z","b":[true,null,"é\\""],"day":"2026-01-02","key":"0f"}'
    assert canonical_json(row) == written
    assert row_hash(row) == hashlib.sha256(written.encode()).digest()
    assert row_hash(None) is None
    with pytest.raises(TypeError, match="float"):
        row_hash({"a": 1.5})

"""Any change of the trail is found: by the chain, by its head, or by a root that was kept elsewhere."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from psycopg import sql

from app.access.audit_roots import root
from app.access.audit_verify import GENESIS, HEAD, MOST_FAULTS, Verified, _rows, hash_of, verify
from tests.audit.acts import Connection, a_trail
from tests.harness.database import Database

LENGTH = 7
TEXTS = ("actor", "credential", "action", "object_kind", "object_key", "detail")
OPTIONAL = ("operator", "request_id")
# PostgreSQL takes no NUL and no half of a surrogate pair.
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda at: f"{at.isoformat()}+00")  # noqa: DTZ001
ANY_INSTANT = st.one_of(INSTANTS, st.sampled_from(["infinity", "-infinity", "2026-01-01 BC", "12026-01-01"]))
NUMBERS = st.integers(1, LENGTH)

MUTATIONS = st.one_of(
    st.tuples(st.just("set"), NUMBERS, st.sampled_from(TEXTS), ANY_TEXT),
    st.tuples(st.just("set"), NUMBERS, st.sampled_from(OPTIONAL), st.one_of(st.none(), ANY_TEXT)),
    st.tuples(
        st.just("set"), NUMBERS, st.sampled_from(["before", "after"]), st.one_of(st.none(), st.binary(max_size=9))
    ),
    st.tuples(st.just("set"), NUMBERS, st.sampled_from(["hash", "previous"]), st.binary(max_size=33)),
    st.tuples(st.just("set"), NUMBERS, st.just("at"), ANY_INSTANT),
    st.tuples(st.just("set"), NUMBERS, st.just("sequence"), st.integers(-3, 2 * LENGTH).filter(bool)),
    st.tuples(st.just("remove"), NUMBERS, st.integers(1, LENGTH)),
    st.tuples(st.just("swap"), NUMBERS, NUMBERS),
    st.tuples(st.just("copy"), NUMBERS, st.integers(LENGTH + 1, LENGTH + 3)),
    st.tuples(st.just("head"), st.sampled_from(["sequence", "count"]), st.integers(0, 2 * LENGTH)),
    st.tuples(st.just("head"), st.just("hash"), st.binary(max_size=33)),
    st.tuples(st.just("headless")),
)


@pytest.fixture
def trail(database: Database) -> Connection:
    """A trail that is open to every change: by whoever owns the tables, with the triggers gone."""
    connection = database.connect(autocommit=True)
    a_trail(connection, LENGTH)
    connection.execute("DROP TRIGGER audit_is_append_only ON audit")
    connection.execute("DROP TRIGGER audit_head_stays ON audit_head")
    connection.execute("ALTER TABLE audit DROP CONSTRAINT pk_audit")
    for table in ("audit", "audit_head"):
        connection.execute(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")
    return connection


def mutate(connection: Connection, what: str, *how: Any) -> None:
    column: Any
    match what, how:
        case "set", (number, column, value):
            statement = sql.SQL("UPDATE audit SET {} = %s WHERE sequence = %s").format(sql.Identifier(column))
            connection.execute(statement, (value, number))
        case "remove", (number, count):
            connection.execute("DELETE FROM audit WHERE sequence >= %s AND sequence < %s", (number, number + count))
        case "swap", (one, other):
            connection.execute(
                "UPDATE audit SET sequence = CASE sequence WHEN %(one)s THEN %(other)s ELSE %(one)s END"
                " WHERE sequence IN (%(one)s, %(other)s)",
                {"one": one, "other": other},
            )
        case "copy", (number, to):
            connection.execute(
                "INSERT INTO audit SELECT (r.made).* FROM (SELECT jsonb_populate_record(a,"
                " jsonb_build_object('sequence', %s::bigint)) AS made FROM audit a WHERE a.sequence = %s) r",
                (to, number),
            )
        case "head", (column, value):
            connection.execute(sql.SQL("UPDATE audit_head SET {} = %s").format(sql.Identifier(column)), (value,))
        case "headless", ():
            connection.execute("DELETE FROM audit_head")


def state(connection: Connection) -> list[Any]:
    rows = connection.execute("SELECT a::text FROM audit a UNION ALL SELECT h::text FROM audit_head h ORDER BY 1")
    return rows.fetchall()


def restore(connection: Connection) -> None:
    for table in ("audit", "audit_head"):
        connection.execute(f"DELETE FROM {table}")
        connection.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")


def codes(found: Verified) -> list[tuple[int, str]]:
    return [(fault.sequence, fault.code) for fault in found.faults]


def chained_anew(connection: Connection) -> None:
    """What somebody does who changed a row and knows how hashes are made: all hashes and the head agree again."""
    with connection.transaction():
        rows = list(_rows(connection))
    previous = GENESIS
    for number, row in enumerate(rows, 1):
        digest = hash_of(row | {"sequence": number, "previous": previous})
        connection.execute(
            "UPDATE audit SET sequence = %s, previous = %s, hash = %s WHERE sequence = %s",
            (number, previous, digest, row["sequence"]),
        )
        previous = digest
    connection.execute("UPDATE audit_head SET sequence = %s, hash = %s, count = %s", (len(rows), previous, len(rows)))


@given(mutation=MUTATIONS)
@hypothesis_settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_single_change_is_found(trail: Connection, mutation: tuple[Any, ...]) -> None:
    before = state(trail)
    mutate(trail, *mutation)
    is_changed = state(trail) != before
    found = verify(trail)
    restore(trail)
    assert bool(found.faults) == is_changed


def test_a_trail_as_it_was_written_is_whole(trail: Connection) -> None:
    found = verify(trail, [root(trail)])
    assert (found.rows, found.sequence, found.anchors, found.faults) == (LENGTH, LENGTH, 1, [])
    assert found.hash == root(trail).hash


def test_an_empty_trail_is_whole(database: Database) -> None:
    found = verify(database.connect())
    assert (found.rows, found.hash, found.is_whole) == (0, GENESIS, True)


@pytest.mark.parametrize(
    ("statement", "faults"),
    [
        ("UPDATE audit SET detail = 'x' WHERE sequence = 3", [(3, "altered")]),
        ("DELETE FROM audit WHERE sequence = 3", [(4, "missing"), (4, "unlinked"), (7, "head")]),
        ("DELETE FROM audit WHERE sequence > 5", [(5, "head")]),
        (
            "UPDATE audit SET sequence = CASE sequence WHEN 2 THEN 3 ELSE 2 END WHERE sequence IN (2, 3)",
            [(2, "unlinked"), (2, "altered"), (3, "unlinked"), (3, "altered"), (4, "unlinked")],
        ),
        ("DELETE FROM audit_head", [(7, "head")]),
    ],
)
def test_a_fault_says_where_it_lies(trail: Connection, statement: str, faults: list[tuple[int, str]]) -> None:
    trail.execute(statement.encode())
    assert codes(verify(trail)) == faults


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'somebody else' WHERE sequence = 3",
        "DELETE FROM audit WHERE sequence = 3",
        "DELETE FROM audit WHERE sequence > 2",
        "DELETE FROM audit",
    ],
)
def test_a_trail_chained_anew_differs_from_the_roots_kept_elsewhere(trail: Connection, statement: str) -> None:
    kept = root(trail)
    trail.execute(statement.encode())
    chained_anew(trail)
    assert verify(trail).is_whole
    assert {code for _, code in codes(verify(trail, [kept]))} == {"anchor"}


def test_a_root_kept_before_the_change_says_nothing_of_what_came_later(trail: Connection) -> None:
    kept = root(trail)
    a_trail(trail, 2)
    trail.execute("UPDATE audit SET actor = 'somebody else' WHERE sequence = 9")
    chained_anew(trail)
    assert verify(trail, [kept]).is_whole


def test_the_list_of_faults_has_an_end(trail: Connection) -> None:
    a_trail(trail, 3 * MOST_FAULTS)
    trail.execute("UPDATE audit SET detail = 'x'")
    assert len(verify(trail).faults) == MOST_FAULTS


def test_writers_go_on_while_it_reads(trail: Connection, database: Database) -> None:
    """The snapshot is that of the beginning: an act that comes meanwhile is no fault."""
    reader = database.connect()
    with reader.transaction():
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        head = reader.execute(HEAD).fetchone()
        a_trail(trail, 1)
        assert head is not None
        assert [row["sequence"] for row in _rows(reader)][-1] == head[0] == LENGTH

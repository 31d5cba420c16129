"""Who may publish now: every piece of a conformity file that is missing, expired or not begun is named."""

import itertools

import pytest

from tests.builders import an_operator
from tests.harness.database import Database
from tests.trust.conformity import KINDS, Connection, a_candidate, a_complete_file, a_document, faults

SPANS = ("missing", "in_force", "last_day", "expired", "future")
MATRIX = [dict(zip(KINDS, spans, strict=True)) for spans in itertools.product(SPANS, repeat=len(KINDS))]


@pytest.fixture
def connection(database: Database) -> Connection:
    return database.connect()


@pytest.mark.parametrize("state", ["candidate", "active"])
def test_each_piece_that_is_not_in_force_is_named(connection: Connection, state: str) -> None:
    for number, spans in enumerate(MATRIX):
        operator = a_candidate(connection, f"C{number}")
        connection.execute("UPDATE operator SET state = %s WHERE id = %s", [state, operator])
        for kind, span in spans.items():
            if span != "missing":
                a_document(connection, operator, kind, span)
        wanting = [(kind, span) for kind, span in spans.items() if span not in ("in_force", "last_day")]
        found = faults(connection, operator)
        if state == "candidate" and wanting:
            code, detail = found.pop(0)
            assert code == "operator.candidate"
            assert detail.endswith("it lacks " + ", ".join(kind for kind, _ in wanting))
        assert [code for code, _ in found] == [f"conformity.{span}" for _, span in wanting], spans
        assert all(f"the {kind}" in detail for (kind, _), (_, detail) in zip(wanting, found, strict=True))


def test_a_document_in_force_outweighs_an_expired_one_and_one_to_come(connection: Connection) -> None:
    operator = a_candidate(connection)
    a_complete_file(connection, operator)
    for kind, span in itertools.product(KINDS, ("expired", "future")):
        a_document(connection, operator, kind, span)
    assert faults(connection, operator) == []


@pytest.mark.parametrize("state", ["suspended", "left"])
def test_a_suspended_operator_and_one_that_left_are_told_that_alone(connection: Connection, state: str) -> None:
    operator = a_candidate(connection)
    connection.execute("UPDATE operator SET state = %s, state_reason = 'audit refusé'", [state])
    ((code, detail),) = faults(connection, operator)
    assert code == f"operator.{state}"
    assert "audit refusé" in detail
    a_complete_file(connection, operator)
    assert [code for code, _ in faults(connection, operator)] == [f"operator.{state}"]


@pytest.mark.parametrize("operator", ["nobody", "", None])
def test_an_unknown_operator_may_not_publish(connection: Connection, operator: str | None) -> None:
    assert [code for code, _ in faults(connection, operator)] == ["operator.unknown"]


def test_who_publishes_the_white_list_answers_for_those_it_lists(connection: Connection) -> None:
    operator = an_operator(connection)
    assert faults(connection, operator) == []
    connection.execute("UPDATE operator SET state = 'candidate', source = 'admin'")
    assert faults(connection, operator) == []
    connection.execute("UPDATE operator SET state = 'active'")
    # The list drops it, and an administrator gives it a domain: from here on the file is ours to keep.
    connection.execute("UPDATE domain SET source = 'admin'")
    assert [code for code, _ in faults(connection, operator)] == ["conformity.missing"] * len(KINDS)


@pytest.mark.parametrize(("days", "spared"), [(1, True), (0, True), (-1, False)])
def test_an_exception_spares_the_file_to_the_end_of_its_last_day(
    connection: Connection, days: int, *, spared: bool
) -> None:
    operator = a_candidate(connection)
    connection.execute(
        "INSERT INTO conformity_exception (operator, reason, expires_on, granted_by)"
        " VALUES (%s, 'reprise du parc', french_today() + %s, 'test')",
        [operator, days],
    )
    assert (faults(connection, operator) == []) is spared
    connection.execute("UPDATE operator SET state = 'suspended'")
    assert [code for code, _ in faults(connection, operator)] == ["operator.suspended"]

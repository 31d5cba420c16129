"""Whoever changes a state or takes a domain away: the operator is told, once, and the trust space has a new number."""

import json
from typing import Any

import psycopg
import pytest

from tests.builders import DOMAIN, OPERATOR, an_operator
from tests.harness.database import Database

OTHER = "300000001800010"
Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(database: Database) -> Connection:
    connection = database.connect(autocommit=True)
    an_operator(connection)
    an_operator(connection, OTHER, domains=(DOMAIN, "essai.mssante.fr"))
    return connection


def notices(connection: Connection) -> list[tuple[str, str, str, str]]:
    """(operator, code, kind, key) of all notices, in their order."""
    return connection.execute("SELECT operator, code, kind, key FROM notice ORDER BY id").fetchall()


def number(connection: Connection) -> int:
    row = connection.execute("SELECT number FROM trust_edition").fetchone()
    assert row is not None
    return int(row[0])


def test_a_domain_that_is_taken_away_is_told_to_its_operator_alone(connection: Connection) -> None:
    connection.execute("DELETE FROM domain WHERE certificate LIKE %s", [f"%{OTHER}"])
    assert notices(connection) == [
        (OTHER, "domain.removed", "domain", DOMAIN),
        (OTHER, "domain.removed", "domain", "essai.mssante.fr"),
    ]


def test_a_domain_that_goes_to_another_certificate_of_its_operator_is_not_told(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO operator_certificate (dn, operator, listed_as) VALUES ('CN=new', %s, 'CN=new')", [OPERATOR]
    )
    connection.execute("INSERT INTO domain (name, certificate, source) VALUES (%s, 'CN=new', 'admin')", [DOMAIN])
    connection.execute("DELETE FROM domain WHERE certificate LIKE %s", [f"%{OPERATOR}"])
    assert notices(connection) == []
    connection.execute("DELETE FROM domain WHERE certificate = 'CN=new'")
    assert notices(connection) == [(OPERATOR, "domain.removed", "domain", DOMAIN)]


def test_a_change_of_state_is_dated_and_told_with_its_reason(connection: Connection) -> None:
    connection.execute("UPDATE operator SET state_since = '2020-01-01'")
    connection.execute("UPDATE operator SET name = 'AUTRE', state = state")
    assert notices(connection) == []
    connection.execute("UPDATE operator SET state = 'suspended', state_reason = 'audit' WHERE id = %s", [OPERATOR])
    assert notices(connection) == [(OPERATOR, "operator.state_changed", "operator", OPERATOR)]
    told = connection.execute("SELECT detail FROM notice").fetchone()
    assert told is not None
    assert json.loads(told[0]) == {"from": "active", "to": "suspended", "reason": "audit"}
    since = connection.execute("SELECT id, state_since > '2026-01-01' FROM operator ORDER BY id").fetchall()
    assert since == [(OPERATOR, True), (OTHER, False)]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO operator (id, name) VALUES ('x', 'X')",
        "UPDATE operator SET name = 'AUTRE'",
        "UPDATE operator_certificate SET listed_as = 'CN=x'",
        "DELETE FROM domain WHERE name LIKE 'essai%'",
        "INSERT INTO domain (name, certificate, source) SELECT 'x.mssante.fr', dn, 'admin' FROM operator_certificate",
    ],
)
def test_every_change_of_the_trust_space_has_a_number(connection: Connection, statement: str) -> None:
    before = number(connection)
    connection.execute(statement.encode())
    assert number(connection) == before + 1
    with connection.transaction():
        connection.execute("UPDATE operator SET name = 'ENCORE'")
        connection.execute("UPDATE domain SET description = 'encore'")
        assert number(connection) == before + 1
    assert number(connection) == before + 2

"""Whose mailboxes may be seen: those in a domain that is listed for their operator, while it has not left."""

from typing import Any

import psycopg
import pytest

from tests.builders import DOMAIN, OPERATOR, a_mailbox, a_practitioner, an_operator, publish
from tests.harness.database import Database
from tests.publication.world import assert_world

OTHER = "300000001800010"
ADDRESS = f"anne.exemple@{DOMAIN}"

Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(database: Database) -> Connection:
    """Two operators that share one domain, and a person with a mailbox in it that neither has claimed."""
    connection = database.connect()
    connection.execute("UPDATE source SET loaded = true WHERE name = 'liste_blanche'")
    an_operator(connection)
    an_operator(connection, OTHER, name="SOCIÉTÉ ESSAI")
    person = a_practitioner(connection)
    a_mailbox(connection, ADDRESS, practitioner=person)
    publish(connection, ("practitioner", person), ("mailbox", ADDRESS))
    return connection


def change(connection: Connection, statement: str, *ids: tuple[str, str]) -> None:
    """Write to the registry and publish what a writer names, then compare everything with the rule."""
    connection.execute(statement.encode())
    publish(connection, *ids)
    assert_world(connection)


def operator_shown(connection: Connection) -> str | None:
    """The operator in the published document; raises LookupError where there is none."""
    row = connection.execute(
        "SELECT document::json ->> 'operator' FROM publication WHERE (kind, key) = ('mailbox', %s)", [ADDRESS]
    ).fetchone()
    if row is None:
        raise LookupError(ADDRESS)
    shown: str | None = row[0]
    return shown


def is_visible(connection: Connection) -> bool:
    try:
        operator_shown(connection)
    except LookupError:
        return False
    return True


def claim(connection: Connection, operator: str) -> None:
    change(connection, f"UPDATE mailbox SET operator = '{operator}'", ("mailbox", ADDRESS))


def set_state(connection: Connection, operator: str, state: str) -> None:
    change(connection, f"UPDATE operator SET state = '{state}' WHERE id = '{operator}'", ("operator", operator))


@pytest.mark.parametrize(("state", "visible"), [("candidate", True), ("suspended", True), ("left", False)])
def test_the_mailboxes_of_an_operator_are_seen_until_it_leaves(
    connection: Connection, state: str, *, visible: bool
) -> None:
    claim(connection, OPERATOR)
    set_state(connection, OPERATOR, state)
    assert is_visible(connection) is visible
    set_state(connection, OPERATOR, "active")
    assert is_visible(connection)


def test_a_mailbox_that_nobody_claimed_is_seen_while_one_owner_of_its_domain_is_left(connection: Connection) -> None:
    assert operator_shown(connection) is None
    set_state(connection, OTHER, "left")
    assert operator_shown(connection) == OPERATOR
    set_state(connection, OPERATOR, "left")
    assert not is_visible(connection)


def test_the_domain_must_be_listed_for_the_operator_that_claimed_the_mailbox(connection: Connection) -> None:
    claim(connection, OTHER)
    change(connection, f"DELETE FROM domain WHERE certificate LIKE '%{OTHER}'", ("domain", DOMAIN))
    assert not is_visible(connection)
    claim(connection, OPERATOR)
    assert operator_shown(connection) == OPERATOR


def test_a_certificate_that_goes_to_another_operator_takes_its_domains_along(connection: Connection) -> None:
    change(connection, f"DELETE FROM domain WHERE certificate LIKE '%{OTHER}'", ("domain", DOMAIN))
    claim(connection, OPERATOR)
    moved = f"UPDATE operator_certificate SET operator = '{OTHER}' WHERE operator = '{OPERATOR}'"
    change(connection, moved, ("operator", OPERATOR), ("operator", OTHER))
    assert not is_visible(connection)


def test_no_domain_rule_before_a_white_list_is_in_force(connection: Connection) -> None:
    claim(connection, OPERATOR)
    change(connection, "DELETE FROM domain", ("domain", DOMAIN))
    assert not is_visible(connection)
    off = "UPDATE source SET loaded = false WHERE name = 'liste_blanche'"
    change(connection, off, ("source", "liste_blanche"))
    assert is_visible(connection)

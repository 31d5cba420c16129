"""publish() tells an operator what became of its mailboxes without its doing, in the same transaction."""

import json
from typing import Any

import psycopg
import pytest

from tests.harness.database import Database
from tests.publication.world import assert_world, build

Connection = psycopg.Connection[Any]
ANNE = "899900000060"
CH, OWN, SHARED = "anne@ch-exemple.mssante.fr", "anne@medecin-exemple.mssante.fr", "cabinet@pro-exemple.mssante.fr"
GIP, ESSAI = "1990000010", "300000001800010"


@pytest.fixture
def world(database: Database) -> Connection:
    connection = database.connect()
    build(connection)
    return connection


def publish(world: Connection, kind: str, key: str) -> None:
    world.execute("SELECT publish(ARRAY[%s], ARRAY[%s])", (kind, key))


def told(world: Connection) -> list[tuple[str, str, str]]:
    """(operator, code, key) of what was told since it was last asked, in the order in which it was told."""
    rows = world.execute(
        "WITH seen AS (SELECT * FROM notice), gone AS (DELETE FROM notice)"
        " SELECT operator, code, key FROM seen ORDER BY id"
    )
    return rows.fetchall()


def strike_off(world: Connection, state: str = "closed") -> None:
    world.execute("UPDATE practitioner SET register_state = %s WHERE national_id = %s", (state, ANNE))
    publish(world, "practitioner", ANNE)


def test_a_first_publication_tells_nobody(world: Connection) -> None:
    assert told(world) == []


def test_each_operator_is_told_of_its_mailboxes_of_a_professional_who_was_struck_off_and_is_back(
    world: Connection,
) -> None:
    strike_off(world)
    assert told(world) == [
        (GIP, "mailbox.holder_inactive", CH),
        (ESSAI, "mailbox.holder_inactive", OWN),
    ]
    assert world.execute("SELECT address, reason FROM withdrawn ORDER BY address").fetchall() == [
        (CH, "holder_inactive"),
        (OWN, "holder_inactive"),
    ]
    strike_off(world, "active")
    assert told(world) == [(GIP, "mailbox.restored", CH), (ESSAI, "mailbox.restored", OWN)]
    assert world.execute("SELECT * FROM withdrawn").fetchall() == []
    assert_world(world)


def test_a_notice_names_the_edition_of_the_change(world: Connection) -> None:
    strike_off(world)
    rows = world.execute("SELECT detail FROM notice").fetchall()
    edition = world.execute("SELECT edition FROM directory").fetchone()
    assert edition is not None
    assert [json.loads(detail) for (detail,) in rows] == [{"edition": edition[0]}] * 2


def test_a_rollback_tells_nobody(world: Connection) -> None:
    strike_off(world)
    world.rollback()
    assert told(world) == []


def test_a_mailbox_is_the_business_of_the_operator_that_wrote_it(world: Connection) -> None:
    world.execute("UPDATE mailbox SET operator = %s WHERE address = %s", (ESSAI, SHARED))
    world.execute("UPDATE practitioner SET register_state = 'closed' WHERE national_id = '899900000086'")
    strike_off(world)
    publish(world, "practitioner", "899900000086")
    assert told(world)[-1] == (ESSAI, "mailbox.holder_inactive", SHARED)


def test_nobody_is_told_of_a_mailbox_that_belongs_to_none_of_several(world: Connection) -> None:
    world.execute("UPDATE practitioner SET register_state = 'closed' WHERE national_id = '899900000086'")
    strike_off(world)
    publish(world, "practitioner", "899900000086")
    assert SHARED not in [key for _, _, key in told(world)]
    assert (SHARED,) in world.execute("SELECT address FROM withdrawn").fetchall()


@pytest.mark.parametrize(
    "change",
    ["state = 'withdrawn'", "unlisted = true", "state = 'suspended'"],
    ids=["withdrawn", "hidden", "suspended"],
)
def test_what_an_operator_does_itself_it_is_not_told(world: Connection, change: str) -> None:
    world.execute(f"UPDATE mailbox SET {change} WHERE address = %s", (CH,))
    publish(world, "mailbox", CH)
    world.execute("UPDATE mailbox SET state = 'active', unlisted = false WHERE address = %s", (CH,))
    publish(world, "mailbox", CH)
    assert told(world) == []


def test_a_hidden_mailbox_leaves_nothing_that_could_be_told(world: Connection) -> None:
    world.execute("UPDATE mailbox SET unlisted = true WHERE address = %s", (CH,))
    publish(world, "mailbox", CH)
    strike_off(world)
    strike_off(world, "active")
    assert [key for _, _, key in told(world)] == [OWN, OWN]
    assert_world(world)


def test_the_operator_of_a_mailbox_is_told_that_its_domain_is_listed_no_longer_and_again(world: Connection) -> None:
    world.execute("UPDATE mailbox SET operator = %s WHERE address = %s", (GIP, CH))
    world.execute("DELETE FROM domain WHERE name = 'ch-exemple.mssante.fr'")
    publish(world, "domain", "ch-exemple.mssante.fr")
    assert told(world) == [
        (GIP, "domain.removed", "ch-exemple.mssante.fr"),
        (GIP, "mailbox.domain_unlisted", CH),
    ]
    world.execute(
        "INSERT INTO domain (name, certificate, source) VALUES ('ch-exemple.mssante.fr', %s, 'liste_blanche')",
        (f"C=FR,CN=bal.exemple,OU={GIP}",),
    )
    publish(world, "domain", "ch-exemple.mssante.fr")
    assert (GIP, "mailbox.restored", CH) in told(world)
    assert_world(world)


def test_a_domain_that_another_operator_keeps_is_unlisted_for_the_one_that_loses_it(world: Connection) -> None:
    world.execute("UPDATE mailbox SET operator = %s WHERE address = %s", (ESSAI, SHARED))
    publish(world, "mailbox", SHARED)
    told(world)
    world.execute("DELETE FROM domain WHERE name = 'pro-exemple.mssante.fr' AND certificate LIKE '%%essai%%'")
    publish(world, "domain", "pro-exemple.mssante.fr")
    assert (ESSAI, "mailbox.domain_unlisted", SHARED) in told(world)
    assert world.execute("SELECT reason FROM withdrawn WHERE address = %s", (SHARED,)).fetchone() == (
        "domain_unlisted",
    )

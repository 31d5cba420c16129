"""publish(): the rule, the order, and what a reader of the log may rely on."""

import json
import threading
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.database import Database
from tests.publication.world import assert_world, build, drain

ANNE = "899900000060"
CH = "anne@ch-exemple.mssante.fr"


@pytest.fixture
def world(database: Database) -> psycopg.Connection[Any]:
    connection = database.connect()
    build(connection)
    return connection


def publish(connection: psycopg.Connection[Any], kind: str, key: str, wide: int = 1_000) -> int:
    row = connection.execute("SELECT publish(ARRAY[%s], ARRAY[%s], %s)", (kind, key, wide)).fetchone()
    assert row is not None
    return int(row[0])


def document(connection: psycopg.Connection[Any], kind: str, key: str) -> Any:
    row = connection.execute("SELECT document FROM publication WHERE kind = %s AND key = %s", (kind, key)).fetchone()
    return json.loads(row[0]) if row else None


def test_the_first_drain_publishes_exactly_what_the_rule_says(world: psycopg.Connection[Any]) -> None:
    assert_world(world)
    row = world.execute("SELECT edition, (SELECT count(*) FROM publication) FROM directory").fetchone()
    assert row is not None
    assert row[0] == row[1] == 12


def test_a_person_unknown_to_the_register_is_shown_with_the_identity_of_the_file(
    world: psycopg.Connection[Any],
) -> None:
    mailbox = document(world, "mailbox", "inconnu@pro-exemple.mssante.fr")
    assert mailbox["practitioner"]["family"] == "INCONNU"
    assert mailbox["practitioner"]["rpps"] == "99900000094"
    assert document(world, "practitioner", "899900000094") is None


def test_the_public_name_is_that_of_the_lowest_category_and_profession(world: psycopg.Connection[Any]) -> None:
    anne = document(world, "practitioner", ANNE)
    assert (anne["given"], anne["title"], anne["profession"]["code"]) == ("Anne-Élise", "Docteur", "10")
    assert [mailbox["rank"] for mailbox in anne["mailboxes"]] == [1, 2, None]


def test_the_operator_of_an_imported_mailbox_is_the_only_owner_of_its_domain(world: psycopg.Connection[Any]) -> None:
    assert document(world, "mailbox", CH)["operator"] == "1990000010"
    assert document(world, "mailbox", "inconnu@pro-exemple.mssante.fr")["operator"] is None


def test_two_writers_that_each_change_one_half_of_a_document_lose_nothing(database: Database) -> None:
    one, two = database.connect(), database.connect()
    build(one)
    one.execute("UPDATE mailbox SET service = 'URGENCES' WHERE address = %s", (CH,))
    two.execute("UPDATE practice SET family = 'NOUVEAU' WHERE practitioner = %s AND profession = '10'", (ANNE,))
    publish(one, "mailbox", CH)
    waiting = threading.Thread(target=publish, args=(two, "practitioner", ANNE))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive(), "the second writer must wait for the lock"
    one.commit()
    waiting.join(30)
    two.commit()
    assert document(one, "mailbox", CH)["service"] == "URGENCES"
    assert document(one, "mailbox", CH)["practitioner"]["family"] == "NOUVEAU"
    assert_world(one)


def test_a_reader_of_the_log_misses_no_change_of_a_slow_writer(database: Database) -> None:
    slow, fast, reader = database.connect(), database.connect(), database.connect(autocommit=True)
    build(slow)
    seen = reader.execute("SELECT max(sequence) FROM change").fetchone()
    slow.execute("UPDATE mailbox SET service = 'LENT' WHERE address = %s", (CH,))
    publish(slow, "mailbox", CH)
    other = "secretariat@ch-exemple.mssante.fr"
    fast.execute("UPDATE mailbox SET service = 'VITE' WHERE address = %s", (other,))

    def publish_fast() -> None:
        publish(fast, "mailbox", other)
        fast.commit()

    waiting = threading.Thread(target=publish_fast)
    waiting.start()
    waiting.join(0.2)
    after = "SELECT key FROM change WHERE sequence > %s ORDER BY sequence"
    assert reader.execute(after, seen).fetchall() == [], "no later number may be seen before an earlier one"
    slow.commit()
    waiting.join(30)
    assert [key for (key,) in reader.execute(after, seen)] == [CH, ANNE, other]


def test_a_rollback_gives_its_numbers_back(database: Database) -> None:
    one = database.connect()
    build(one)
    one.execute("UPDATE mailbox SET service = 'A' WHERE address = %s", (CH,))
    publish(one, "mailbox", CH)
    one.rollback()
    one.execute("UPDATE mailbox SET service = 'B' WHERE address = %s", (CH,))
    publish(one, "mailbox", CH)
    one.commit()
    assert_world(one)


def test_a_mark_that_comes_while_the_drain_runs_is_not_lost(database: Database) -> None:
    drainer, writer = database.connect(), database.connect()
    build(drainer)
    writer.execute("INSERT INTO pending (kind, key) VALUES ('mailbox', %s)", (CH,))
    writer.commit()
    drainer.execute("SELECT drain(10)")
    writer.execute("UPDATE mailbox SET service = 'LATE' WHERE address = %s", (CH,))
    writer.execute("INSERT INTO pending (kind, key) VALUES ('mailbox', %s)", (CH,))
    writer.commit()
    drainer.commit()
    assert writer.execute("SELECT count(*) FROM pending").fetchone() == (1,)
    drain(writer)
    assert document(writer, "mailbox", CH)["service"] == "LATE"


def test_publishing_again_changes_nothing(world: psycopg.Connection[Any]) -> None:
    before = world.execute("SELECT edition FROM directory").fetchone()
    world.execute("INSERT INTO pending (kind, key) SELECT kind, key FROM publication")
    drain(world)
    assert world.execute("SELECT edition FROM directory").fetchone() == before


def test_a_red_listed_mailbox_leaves_every_row_of_the_publication(world: psycopg.Connection[Any]) -> None:
    world.execute("UPDATE mailbox SET unlisted = true WHERE address = %s", (CH,))
    publish(world, "mailbox", CH)
    for table in ("publication", "mailbox_search", "alias", "withdrawn", "practitioner_search"):
        found = world.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s", (f"%{CH}%",)).fetchone()
        assert found == (0,), table
    assert_world(world)


def test_an_address_withdrawn_and_then_hidden_answers_like_one_that_never_was(world: psycopg.Connection[Any]) -> None:
    world.execute(
        "UPDATE mailbox SET state = 'withdrawn', successor = 'anne@medecin-exemple.mssante.fr' WHERE address = %s",
        (CH,),
    )
    publish(world, "mailbox", CH)
    assert world.execute("SELECT address, successor, reason FROM withdrawn").fetchall() == [
        (CH, "anne@medecin-exemple.mssante.fr", "withdrawn")
    ]
    world.execute("UPDATE mailbox SET unlisted = true WHERE address = %s", (CH,))
    publish(world, "mailbox", CH)
    assert world.execute("SELECT count(*) FROM withdrawn").fetchone() == (0,)


def test_an_address_that_lost_its_domain_and_is_withdrawn_hidden_answers_like_one_that_never_was(
    world: psycopg.Connection[Any],
) -> None:
    world.execute("DELETE FROM domain WHERE name = 'ch-exemple.mssante.fr'")
    publish(world, "domain", "ch-exemple.mssante.fr")
    assert world.execute("SELECT reason FROM withdrawn WHERE address = %s", (CH,)).fetchone() == ("domain_unlisted",)
    world.execute("UPDATE mailbox SET state = 'withdrawn', unlisted = true WHERE address = %s", (CH,))
    publish(world, "mailbox", CH)
    assert world.execute("SELECT count(*) FROM withdrawn WHERE address = %s", (CH,)).fetchone() == (0,)
    assert_world(world)


def test_a_search_finds_no_skill_that_the_document_does_not_show(world: psycopg.Connection[Any]) -> None:
    world.execute(
        "INSERT INTO skill (practitioner, profession, category, skill_type, skill, source)"
        " SELECT %s, '99', 'C', 'S', 'SM99', source FROM skill LIMIT 1",
        (ANNE,),
    )
    world.execute("UPDATE practice SET family = 'MODELE' WHERE practitioner = %s", (ANNE,))
    publish(world, "practitioner", ANNE)
    anne = document(world, "practitioner", ANNE)
    shown = {skill["code"] for skill in anne["specialties"]} | {
        code for role in anne["roles"] for code in role["skills"]
    }
    row = world.execute("SELECT specialties FROM practitioner_search WHERE key = %s", (ANNE,)).fetchone()
    assert row is not None
    assert row[0] == sorted(shown)
    assert shown


def test_a_person_closed_by_the_register_takes_the_mailboxes_along(world: psycopg.Connection[Any]) -> None:
    world.execute("UPDATE practitioner SET register_state = 'closed' WHERE national_id = %s", (ANNE,))
    publish(world, "practitioner", ANNE)
    assert document(world, "practitioner", ANNE) is None
    assert document(world, "mailbox", CH) is None
    shared = document(world, "mailbox", "cabinet@pro-exemple.mssante.fr")
    assert [holder["practitioner"]["national_id"] for holder in shared["attachments"]] == ["899900000086"]
    assert world.execute("SELECT DISTINCT reason FROM withdrawn").fetchall() == [("holder_inactive",)]
    assert_world(world)


def test_a_domain_is_no_reason_before_a_white_list_is_in_force(world: psycopg.Connection[Any]) -> None:
    world.execute("UPDATE source SET loaded = false WHERE name = 'liste_blanche'")
    world.execute("DELETE FROM domain")
    publish(world, "source", "liste_blanche")
    world.execute("UPDATE practitioner SET register_state = 'closed' WHERE national_id = %s", (ANNE,))
    publish(world, "practitioner", ANNE)
    assert world.execute("SELECT DISTINCT reason FROM withdrawn").fetchall() == [("holder_inactive",)]


def test_a_domain_that_leaves_the_white_list_unpublishes_its_mailboxes_at_once(world: psycopg.Connection[Any]) -> None:
    world.execute("DELETE FROM domain WHERE name = 'ch-exemple.mssante.fr'")
    publish(world, "domain", "ch-exemple.mssante.fr", wide=1)
    assert document(world, "mailbox", CH) is None
    assert [m["address"] for m in document(world, "practitioner", ANNE)["mailboxes"]] == [
        "anne@medecin-exemple.mssante.fr",
        "cabinet@pro-exemple.mssante.fr",
    ]
    assert world.execute("SELECT DISTINCT reason FROM withdrawn").fetchall() == [("domain_unlisted",)]
    assert_world(world)


def test_a_wide_change_publishes_its_own_row_and_leaves_the_rest_pending(world: psycopg.Connection[Any]) -> None:
    world.execute("UPDATE organization_record SET name = 'CHU EXEMPLE' WHERE organization = '1990000010'")
    publish(world, "organization", "1990000010", wide=2)
    assert document(world, "organization", "1990000010")["name"] == "CHU EXEMPLE"
    assert document(world, "mailbox", CH)["organization"]["name"] == "CH EXEMPLE"
    assert world.execute("SELECT count(*) FROM pending").fetchone() == (4,)
    world.commit()
    drain(world)
    assert document(world, "mailbox", CH)["organization"]["name"] == "CHU EXEMPLE"
    assert_world(world)


def test_a_new_label_reaches_every_document_that_shows_it(world: psycopg.Connection[Any]) -> None:
    world.execute("UPDATE code SET label = 'Médecine' WHERE system = 'TRE_G15-ProfessionSante' AND code = '10'")
    world.commit()
    drain(world)
    assert document(world, "mailbox", CH)["practitioner"]["profession"] == {"code": "10", "label": "Médecine"}
    assert_world(world)


def test_the_label_of_a_file_shows_only_for_an_unknown_code(world: psycopg.Connection[Any]) -> None:
    world.execute(
        "INSERT INTO file_label VALUES ('profession', '10', 'x', 'Autre'), ('organization_type', '355', 'x', 'CH')"
    )
    world.commit()
    drain(world)
    assert document(world, "practitioner", ANNE)["profession"]["label"] == "Médecin"
    assert document(world, "organization", "1990000010")["type"] == {"code": "355", "label": "CH"}
    assert_world(world)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(family=TEXT, service=TEXT, city=TEXT)
def test_any_text_gives_canonical_json(world: psycopg.Connection[Any], family: str, service: str, city: str) -> None:
    world.execute("UPDATE practice SET family = %s WHERE practitioner = %s", (family, ANNE))
    world.execute("UPDATE mailbox SET service = %s WHERE address = %s", (service, CH))
    world.execute("UPDATE organization_record SET city = %s, name = %s", (city, family))
    world.execute("SELECT publish('{practitioner,mailbox,organization,organization,organization}', %s)",
                  ([ANNE, CH, "1990000010", "300000001800028", "R99990000000001"],))  # fmt: skip
    assert_world(world)

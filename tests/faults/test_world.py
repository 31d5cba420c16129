"""The oracle itself: a world that is whole passes, and whatever is broken in it is found under its name."""

import pytest

from app.access.keys import issue
from app.ldap.sync import sync_once
from app.settings import Settings
from tests.builders import (
    DOMAIN,
    OPERATOR,
    a_mailbox,
    a_practitioner,
    a_structure,
    an_operator,
    publish,
)
from tests.faults.world import CHECKS, assert_world, broken_in
from tests.harness.asgi import Answer, ask, serving
from tests.harness.database import Database

ADDRESS, HIDDEN, IMPORTED = f"anne@{DOMAIN}", f"secrete@{DOMAIN}", f"fichier@{DOMAIN}"
PER = b'{"type": "PER", "practitioner": "99900000060", "liste_rouge": %s}'
ACT = "SELECT audit_append('x', 'x', NULL, %s, 'mailbox', %s, NULL, %s, '', %s)"
# What is done to the world behind its back, and where that shows.
BROKEN = {
    "UPDATE mailbox SET service = 'AUTRE' WHERE address = '{imported}'": {"I4"},
    "UPDATE mailbox SET responsible = 'AUTRE' WHERE address = '{hidden}'": {"I2, I9"},
    "INSERT INTO mailbox (address, domain, type, operator, source, state)"
    " VALUES ('x@{domain}', '{domain}', 'PER', '{operator}', 'api', 'suspended')": {"I2, I9"},
    "ALTER TABLE audit DISABLE TRIGGER ALL; DELETE FROM audit WHERE sequence = 1": {"I2, I9"},
    "INSERT INTO pending (kind, key) VALUES ('mailbox', '{address}')": {"I8"},
    "INSERT INTO import_run (id, source, file_name, file_sha256, state, edition_before)"
    " VALUES ('r', 'mssante', 'f', '\\x00', 'running', 0)": {"I8"},
    "CREATE SCHEMA import_run_7": {"I8"},
    "DELETE FROM change WHERE sequence = 2": {"I4", "I4, followed"},
    "DELETE FROM publication WHERE key = '{address}'": {"I4", "I5"},
    "UPDATE publication SET document = replace(document, 'FICHIER', 'AUTRE') WHERE key = '{imported}'": {"I4", "I5"},
    "UPDATE source SET loaded = true WHERE name = 'liste_blanche'; DELETE FROM domain": {"I4", "I6"},
    "INSERT INTO alias (kind, alias, key) VALUES ('mailbox', '{hidden}', '{address}')": {"I7"},
    "INSERT INTO withdrawn (address, since, reason) VALUES ('{hidden}', now(), 'withdrawn')": {"I4", "I7"},
}


@pytest.fixture
def whole(database: Database, ldap_settings: Settings) -> Settings:
    """A public mailbox and a hidden one of an operator, one that a file brought, and a tree."""
    settings = ldap_settings.model_copy(update={"publish_with_key": True, "database_pool": 2, "log_level": "error"})
    with database.connect() as registry:
        structure = a_structure(registry)
        person = a_practitioner(registry, organization=structure)
        a_mailbox(registry, IMPORTED, organization=structure, mailbox_type="ORG", service="FICHIER")
        operator = an_operator(registry)
        _, key = issue(registry, settings.key_pepper, "an operator", ("publish",), operator)
        publish(registry, ("organization", structure), ("practitioner", person), ("mailbox", IMPORTED))
    for address, is_hidden in ((ADDRESS, b"false"), (HIDDEN, b"true")):
        assert put(settings, key, address, PER % is_hidden).status == 201
    sync_once(settings)
    return settings


def put(settings: Settings, key: str, address: str, body: bytes) -> Answer:
    headers = [("Authorization", f"Bearer {key}"), ("Content-Type", "application/json"), ("X-Request-ID", address)]
    with serving(settings) as served:
        return served.run(ask(served.apps[0], "PUT", f"/v1/mailboxes/{address}", headers, body))


def test_a_whole_world_passes_and_a_broken_one_does_not(whole: Settings, database: Database) -> None:
    assert_world(whole, f"put {ADDRESS}")
    database.connect(autocommit=True).execute("DELETE FROM publication WHERE key = %s", [ADDRESS])
    assert found_in(whole) == {"I4", "I5"}


@pytest.mark.fault
@pytest.mark.parametrize(("statement", "names"), BROKEN.items(), ids=[each[:60] for each in BROKEN])
def test_what_is_broken_is_found(whole: Settings, database: Database, statement: str, names: set[str]) -> None:
    connection = database.connect(autocommit=True)
    words = {"address": ADDRESS, "hidden": HIDDEN, "imported": IMPORTED, "domain": DOMAIN, "operator": OPERATOR}
    connection.execute(statement.format(**words).encode())
    assert found_in(whole) == names


@pytest.mark.fault
def test_an_effect_that_came_twice_is_found(whole: Settings, database: Database) -> None:
    connection = database.connect(autocommit=True)
    row = connection.execute("SELECT after, request_id FROM audit WHERE object_key = %s", [ADDRESS]).fetchone()
    assert row is not None
    connection.execute(ACT, ["mailbox.changed", ADDRESS, row[0], row[1]])
    assert found_in(whole) == {"I3"}


@pytest.mark.fault
def test_a_hidden_address_in_a_log_is_found(whole: Settings) -> None:
    assert [fault.partition(":")[0] for fault in broken_in(whole, f'{{"path": "/v1/mailboxes/{HIDDEN}"}}')] == ["I7"]


def found_in(settings: Settings) -> set[str]:
    found = {fault.partition(":")[0] for fault in broken_in(settings)}
    assert found <= CHECKS.keys()
    return found

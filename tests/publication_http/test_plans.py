"""The hottest statements read by index at any size: a plan that scans a whole table fails here, not in production."""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Composed, Identifier
from starlette.testclient import TestClient

from app.embedded import Postgres
from app.mailboxes import queries as mailboxes
from app.mailboxes.schemas import MailboxQuery
from app.main import create_app
from app.organizations import queries as organizations
from app.organizations.by_name import FIRST, ByName, Reading
from app.organizations.schemas import OrganizationQuery
from app.organizations.words import DICTIONARY, Asked
from app.paging import Position
from app.pipelined import Statement
from app.practitioners import queries as practitioners
from app.practitioners.schemas import PractitionerQuery
from app.publication import feed
from app.publication.listing import Selection
from app.publication.reading import BY_IDS, BY_IDS_IN_BATCH
from app.search.check_reading import KNOWN
from app.settings import Settings
from tests.harness.database import cloned

Connection = psycopg.Connection[Any]

FILL = """

INSERT INTO publication (kind, key, document, fingerprint, sequence, published_at)
  SELECT 'mailbox', n || '@d.fr', '{}', '\\x00', n, now() FROM generate_series(1, 20000) n;
INSERT INTO publication (kind, key, document, fingerprint, sequence, published_at)
  SELECT 'practitioner', 'p' || n, '{}', '\\x00', n, now() FROM generate_series(1, 20000) n;
INSERT INTO alias (kind, alias, key) SELECT 'practitioner', n::text, 'p' || n FROM generate_series(1, 20000) n;
INSERT INTO change (sequence, kind, key, operation)
  SELECT n, 'mailbox', n || '@d.fr', 'put' FROM generate_series(1, 20000) n;
UPDATE directory SET edition = 20000;
INSERT INTO mailbox_search (key, domain, type, practitioners, organizations)
  SELECT n || '@d.fr', 'd' || n % 200, 'PER', ARRAY['p' || n], '{}' FROM generate_series(1, 20000) n;
INSERT INTO practitioner_search
  SELECT 'p' || n, 'name' || n % 2000, 'given' || n % 300, '{10}', '{}', ARRAY[(n % 95)::text], '{}', '{}', '{}', true
  FROM generate_series(1, 20000) n;
INSERT INTO organization_search (name_key, key, main, city_key, department)
  SELECT 'name' || n % 5000 || ' of', 'o' || n, true, 'city' || n % 400, n % 95 FROM generate_series(1, 20000) n;
INSERT INTO structure_deletion (deletion, word) SELECT 'form' || n, 'word' || n FROM generate_series(1, 20000) n;
ANALYZE publication, alias, change, mailbox_search, practitioner_search, organization_search;
INSERT INTO structure_deletion SELECT 'deletion' || n, 'word' || n FROM generate_series(1, 20000) n;
ANALYZE structure_label, structure_posting, structure_word, structure_deletion;
"""
# Of one row, or empty here.
SMALL = ("directory", "trust_edition", "withdrawn")
NO_KEYS = {"name": None, "family": None, "given": None, "city": None}


def people(**keys: str) -> tuple[Composed, dict[str, Any]]:
    return practitioners.of_query(PractitionerQuery(), {**NO_KEYS, **keys}).statement(None, 50)


def structures(
    name: str, *words: dict[str, int], near: dict[str, int] | None = None, after: Position = FIRST, **filters: str
) -> tuple[Composed, dict[str, Any]]:
    asked = [Asked("", each, near or {}) for each in words]
    search = organizations.of_query(OrganizationQuery(**filters), name, filters.get("city"))
    assert isinstance(search, ByName)
    return search.statement(Reading.of(asked), after, 50)


STATEMENTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "batch": (SQL(BY_IDS_IN_BATCH), {"kind": "practitioner", "positions": [0, 1], "ids": ["p1", "2"]}),
    "check": (SQL(KNOWN), {"addresses": ["1@d.fr", "none@d.fr"], "tombstone": 365}),
    "feed": (SQL(feed.PAGE), {"after": 100, "limit": 50, "kind": None, "window": 10_000, "resource": True}),
    "domain": mailboxes.of_query(MailboxQuery(domain="d1")).statement(None, 50),
    "holder": mailboxes.of_query(MailboxQuery(practitioner="p7")).statement(("5@d.fr",), 50),
    "family": people(family="name7"),
    "one box": people(name="given7 name7"),
    "given": people(given="given7"),
    "structure": structures("name77", {"name77": 4}),
    "structure by words": structures("of name77", {"of": 20_000}, {"name77": 4}),
    "structure by a frequent word": structures("of", {"of": 20_000}),
    "structure, page on": structures("of", {"of": 20_000}, after=(2, 2, " name7 of ", "o7")),
    "structure nearly so": structures("nam77", {"name77": 4}, near={"name777": 4, "@city7": 50}),
    "structure in a city": structures("of", {"of": 20_000}, city="city7"),
    "structures of a city": Selection(
        "organization", "organization_search", organizations.ORDER, (SQL("s.city_key = 'city7'"),)
    ).statement(None, 50),
    "words": (SQL(DICTIONARY), {"positions": [0, 0], "forms": ["name77", "name7"], "plain": [True, False]}),
}


@pytest.fixture(scope="module")
def filled(migrated: Postgres) -> Iterator[Connection]:
    """A directory of 20 000 of each kind, never committed: nothing else looks at its statistics."""
    with cloned(migrated) as database:
        connection = database.connect()
        connection.execute(FILL.encode())
        yield connection


def planned(connection: Connection, name: str) -> str:
    statement, parameters = STATEMENTS[name]
    with psycopg.ClientCursor(connection) as cursor:
        cursor.execute(SQL("EXPLAIN {}").format(statement), parameters)
        return "\n".join(line for (line,) in cursor)


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_hot_statement_scans_no_table(filled: Connection, name: str) -> None:
    plan = planned(filled, name)
    scanned = [line for line in plan.splitlines() if "Seq Scan" in line and not any(map(line.__contains__, SMALL))]
    assert scanned == [], plan


@pytest.mark.parametrize("name", [name for name in STATEMENTS if name.startswith("structure")])
def test_a_search_for_structures_reads_ordered_indexes(filled: Connection, name: str) -> None:
    plan = planned(filled, name)
    read = set(re.findall(r"(?:Index Scan on|Scan using) (\w+)", plan))
    assert read <= {
        "pk_structure_posting",
        "pk_organization_search",
        "ix_organization_search_name_key_key",
        "ix_organization_search_key",
        "ix_organization_search_city_key_name_key_key",
        "pk_publication",
    }, plan
    # Postings come in the order of the page: a sort of all that hold a word would grow with the country.
    assert "pk_structure_posting" in read or name == "structures of a city", plan


HOT: dict[str, tuple[Statement, str, set[str]]] = {
    "mailbox": (mailboxes.BY_ADDRESS, "('1@d.fr', 365)", {"pk_publication", "pk_withdrawn"}),
    "ids": (BY_IDS, "('practitioner', '{p1,2}', 50)", {"pk_publication", "pk_alias"}),
}


@pytest.mark.parametrize("name", HOT)
def test_a_hot_read_goes_by_primary_keys_whatever_the_value(filled: Connection, name: str) -> None:
    statement, values, indexes = HOT[name]
    with filled.transaction(force_rollback=True):
        filled.execute("SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off")
        filled.execute(f"PREPARE {name} AS ".encode() + statement.sql)
        plan = "\n".join(line for (line,) in filled.execute(f"EXPLAIN EXECUTE {name} {values}".encode()))
    assert set(re.findall(r"Index(?: Only)? Scan using (\w+)", plan)) == indexes, plan


@pytest.mark.parametrize(
    "path", ["mailboxes/nobody@ch-exemple.mssante.fr", "practitioners/99900000060", "organizations/990000001"]
)
def test_a_look_up_sends_one_statement(
    registry: Connection, api_settings: Settings, migrated: Postgres, path: str
) -> None:
    """Counted by the server, which logs each with the process that carried it out."""
    database = registry.info.dbname
    registry.execute(SQL("ALTER DATABASE {} SET log_min_duration_statement = 0").format(Identifier(database)))
    registry.commit()
    with TestClient(create_app(api_settings)) as client:
        client.get(f"/v1/{path}")
        ours = registry.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()").fetchall()
        begun = migrated.log.stat().st_size
        client.get(f"/v1/{path}")
    with migrated.log.open("rb") as log:
        log.seek(begun)
        lines = log.read().decode().splitlines()
    done = [line for line in lines if " execute " in line and any(f"[{pid}]" in line for (pid,) in ours)]
    assert len(done) == 1, done

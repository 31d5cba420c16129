"""The hottest statements read by index at any size: a plan that scans a whole table fails here, not in production."""

import re
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Composed

from app.mailboxes import queries as mailboxes
from app.mailboxes.schemas import MailboxQuery
from app.organizations import queries as organizations
from app.organizations.by_name import FIRST, ByName, Reading
from app.organizations.schemas import OrganizationQuery
from app.organizations.words import DICTIONARY, Asked
from app.paging import Position
from app.practitioners import queries as practitioners
from app.practitioners.schemas import PractitionerQuery
from app.publication import feed
from app.publication.listing import Selection
from app.publication.reading import BY_IDS, BY_IDS_IN_BATCH
from tests.harness.database import Database

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
ANALYZE structure_label, structure_posting, structure_word, structure_deletion;
"""
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
    "mailbox": (SQL(mailboxes.BY_ADDRESS), {"address": "1@d.fr", "tombstone": 365}),
    "ids": (SQL(BY_IDS), {"kind": "practitioner", "ids": ["p1", "2"], "most": 50}),
    "batch": (SQL(BY_IDS_IN_BATCH), {"kind": "practitioner", "positions": [0, 1], "ids": ["p1", "2"]}),
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


def planned(database: Database, name: str) -> str:
    """The plan of a statement in a directory of 20 000 of each kind."""
    connection = database.connect()
    connection.execute(FILL.encode())
    statement, parameters = STATEMENTS[name]
    with psycopg.ClientCursor(connection) as cursor:
        cursor.execute(SQL("EXPLAIN {}").format(statement), parameters)
        return "\n".join(line for (line,) in cursor)


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_hot_statement_scans_no_table(database: Database, name: str) -> None:
    plan = planned(database, name)
    scanned = [line for line in plan.splitlines() if "Seq Scan" in line and "directory" not in line]
    assert [line for line in scanned if "withdrawn" not in line] == [], plan


@pytest.mark.parametrize("name", [name for name in STATEMENTS if name.startswith("structure")])
def test_a_search_for_structures_reads_ordered_indexes(database: Database, name: str) -> None:
    plan = planned(database, name)
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

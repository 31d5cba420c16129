"""The hottest statements read by index at any size: a plan that scans a whole table fails here, not in production."""

from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Composed

from app.mailboxes import queries as mailboxes
from app.mailboxes.schemas import MailboxQuery
from app.organizations import queries as organizations
from app.organizations.schemas import OrganizationQuery
from app.practitioners import queries as practitioners
from app.practitioners.schemas import PractitionerQuery
from app.publication import feed
from app.publication.reading import BY_IDS, BY_IDS_IN_BATCH
from app.search.check_reading import KNOWN
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
  SELECT 'name' || n % 5000, 'o' || n, true, 'city' || n % 400, n % 95 FROM generate_series(1, 20000) n;
ANALYZE publication, alias, change, mailbox_search, practitioner_search, organization_search;
"""
# Of one row, or empty here.
SMALL = ("directory", "trust_edition", "withdrawn")
NO_KEYS = {"name": None, "family": None, "given": None, "city": None}


def people(**keys: str) -> tuple[Composed, dict[str, Any]]:
    return practitioners.of_query(PractitionerQuery(), {**NO_KEYS, **keys}).statement(None, 50)


STATEMENTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "mailbox": (SQL(mailboxes.BY_ADDRESS), {"address": "1@d.fr", "tombstone": 365}),
    "ids": (SQL(BY_IDS), {"kind": "practitioner", "ids": ["p1", "2"], "most": 50}),
    "batch": (SQL(BY_IDS_IN_BATCH), {"kind": "practitioner", "positions": [0, 1], "ids": ["p1", "2"]}),
    "check": (SQL(KNOWN), {"addresses": ["1@d.fr", "none@d.fr"], "tombstone": 365}),
    "feed": (SQL(feed.PAGE), {"after": 100, "limit": 50, "kind": None, "window": 10_000, "resource": True}),
    "domain": mailboxes.of_query(MailboxQuery(domain="d1")).statement(None, 50),
    "holder": mailboxes.of_query(MailboxQuery(practitioner="p7")).statement(("5@d.fr",), 50),
    "family": people(family="name7"),
    "one box": people(name="given7 name7"),
    "given": people(given="given7"),
    "structure": organizations.of_query(OrganizationQuery(), "name77", None).statement(None, 50),
    "structure in a city": organizations.of_query(OrganizationQuery(), None, "city7").statement(None, 50),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_hot_statement_scans_no_table(database: Database, name: str) -> None:
    connection = database.connect()
    connection.execute(FILL.encode())
    statement, parameters = STATEMENTS[name]
    with psycopg.ClientCursor(connection) as cursor:
        cursor.execute(SQL("EXPLAIN {}").format(statement), parameters)
        plan = "\n".join(line for (line,) in cursor)
    scanned = [line for line in plan.splitlines() if "Seq Scan" in line and not any(map(line.__contains__, SMALL))]
    assert scanned == [], plan

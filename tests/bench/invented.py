"""A publication of mailboxes that nobody registered, and the trust space around it, written straight into the tables.

For what reads the publication alone: a million mailboxes are there within a minute.
"""

import random
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]
# What the nation's white list holds (mssante.md §4), and a year of its withdrawals (volumes.md).
OPERATORS, DOMAINS, WITHDRAWN = 343, 5_002, 175_000
KINDS = ("ch", "chu", "ehpad", "clinique", "labo", "cabinet", "msp", "ssiad", "pharmacie")
TOWNS = ("saint", "mont", "ville", "bourg", "val", "roche", "pont", "font", "bois", "mer", "puy", "neuf", "haut", "bel")
TRUST = """
INSERT INTO operator (id, name) SELECT 'op' || n, 'OPERATEUR ' || n FROM generate_series(1, {operators}) n;
INSERT INTO operator_certificate (dn, operator, listed_as)
  SELECT 'CN=' || n, 'op' || n, 'CN=' || n FROM generate_series(1, {operators}) n;
UPDATE source SET loaded = true WHERE name = 'liste_blanche';
"""
LISTED = """
INSERT INTO domain (name, certificate, source)
SELECT d, 'CN=' || 1 + n %% %(operators)s, 'liste_blanche' FROM unnest(%(domains)s::text[]) WITH ORDINALITY AS x (d, n)
"""
ADDRESSES = """
CREATE TEMPORARY TABLE invented AS
SELECT n, d.domain, 'prenom.nom' || n || '@' || d.domain AS address
FROM generate_series(1, %(count)s) n
JOIN unnest(%(domains)s::text[]) WITH ORDINALITY AS d (domain, at) ON d.at = 1 + n %% cardinality(%(domains)s::text[])
"""
PUBLISHED = """
INSERT INTO publication (kind, key, document, fingerprint, sequence, published_at)
SELECT 'mailbox', address, rpad('{"address":"' || address || '","practitioner":{"national_id":"8' || (10000000000 + n)
    || '"},"description":"', 700, md5(address)) || '"}', sha256(convert_to(address, 'UTF8')), n, now()
FROM invented;
INSERT INTO mailbox_search (key, domain, type, practitioners, organizations)
SELECT address, domain, 'PER', ARRAY['8' || (10000000000 + n)], '{}' FROM invented;
INSERT INTO withdrawn (address, since, reason)
SELECT 'jadis.' || address, now(), 'withdrawn' FROM invented WHERE n <= {withdrawn};
UPDATE directory SET edition = (SELECT count(*) FROM invented);
ANALYZE publication, mailbox_search, withdrawn, domain, operator, operator_certificate;
"""


def fill(connection: Connection, mailboxes: int) -> None:
    """So many mailboxes in as many domains as the nation has."""
    names = {"operators": OPERATORS, "domains": domains(), "count": mailboxes}
    connection.execute(TRUST.replace("{operators}", str(OPERATORS)).encode())
    connection.execute(LISTED, names)
    connection.execute(ADDRESSES, names)
    connection.execute(PUBLISHED.replace("{withdrawn}", str(WITHDRAWN)).encode())


def domains() -> list[str]:
    """Names such as those of the nation's list: many of them look like one another."""
    chance, found = random.Random(1), set[str]()  # noqa: S311 - a benchmark
    while len(found) < DOMAINS:
        town = "".join(chance.choices(TOWNS, k=2))
        number = chance.choice(["", "", str(chance.randrange(100))])
        found.add(f"{chance.choice(KINDS)}{chance.choice('-.')}{town}{number}.mssante.fr")
    return sorted(found)

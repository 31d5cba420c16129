"""The plan of the one statement whose cost could grow with the nation."""

from typing import Any

import psycopg

from app.search.resolve_reading import HELD, MOST_MAILBOXES

Connection = psycopg.Connection[Any]
NUMBERS = 20_000
FILL = """
INSERT INTO mailbox_search (key, domain, type, practitioners, organizations)
SELECT 'm' || n || '@x.mssante.fr', 'x.mssante.fr', (ARRAY['PER', 'ORG', 'APP', 'CAB'])[mod(n, 4) + 1],
  ARRAY['8' || n], ARRAY['1' || CASE WHEN mod(n, 40) < 3 THEN 0 ELSE n / 8 END]
FROM generate_series(1, %s) AS n
"""
PUBLISH = """
INSERT INTO publication (kind, key, document, fingerprint, sequence, published_at)
SELECT 'mailbox', key, '{}', '', row_number() OVER (), now() FROM mailbox_search
"""


def test_a_recipients_mailboxes_are_found_by_their_holders_alone(registry: Connection) -> None:
    registry.execute(FILL, [NUMBERS])
    registry.execute(PUBLISH)
    registry.execute("ANALYZE mailbox_search, publication")
    # At this size reading everything is cheap; at the nation's it is not.
    registry.execute("SET enable_seqscan = off")
    registry.execute("SET enable_hashjoin = off")
    parameters = {"practitioners": ["81000"], "organizations": ["10"], "most": MOST_MAILBOXES + 1}
    plan = "\n".join(row[0] for row in registry.execute("EXPLAIN " + HELD, parameters))
    for index in ("ix_mailbox_search_practitioners", "ix_mailbox_search_organizations"):
        assert index in plan

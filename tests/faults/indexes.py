"""Whether every b-tree of a database is whole, as PostgreSQL's own amcheck sees it."""

from typing import Any

import psycopg

AMCHECK = "SELECT FROM pg_available_extensions WHERE name = 'amcheck'"
# With a look at every row of the table: an entry that is missing would not be found otherwise.
CHECK = """
SELECT count(*) FROM (
  SELECT bt_index_check(c.oid, heapallindexed => true) FROM pg_class c
  JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_am a ON a.oid = c.relam AND a.amname = 'btree'
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'i' AND c.relpersistence = 'p' AND i.indisready AND i.indisvalid) checked
"""


def checked_indexes(connection: psycopg.Connection[Any]) -> int:
    """How many were checked; 0 where amcheck is not installed. Raises psycopg.errors.IndexCorrupted."""
    if connection.execute(AMCHECK).fetchone() is None:
        return 0
    connection.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
    row = connection.execute(CHECK).fetchone()
    return int(row[0]) if row else 0

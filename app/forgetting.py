"""Rows whose time is over are removed in portions, each a transaction of its own: nobody waits for it long."""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

PORTION = 1_000
OLD = """
DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT x.ctid FROM {table} x WHERE {old} LIMIT {portion}))
"""


def forget(connection: psycopg.Connection[Any], table: str, old: str, given: Mapping[str, object]) -> int:
    """Remove the rows of `table` (called x) for which the condition `old` holds. Returns how many that were.

    `old` is text of the program with values to be bound from `given`. The connection is in autocommit.
    """
    statement = sql.SQL(OLD).format(
        table=sql.Identifier(table),
        old=sql.SQL(old),
        portion=sql.Literal(PORTION),
    )
    removed = 0
    while True:
        with connection.transaction():
            gone = connection.execute(statement, given).rowcount
        removed += gone
        if gone < PORTION:
            return removed

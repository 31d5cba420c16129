"""The rows that the search reads: how large they and their indexes are, and how long writing them anew takes."""

import re
import time
from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from tests.bench.table import Line

Connection = psycopg.Connection[Any]
MEGABYTE = 1e6
COPY = "bench_copy"

TABLES = """
SELECT c.relname, pg_relation_size(c.oid) FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname ~ '_search$|^name_'
ORDER BY c.relname
"""
INDEXES = """
SELECT i.relname, pg_relation_size(i.oid), pg_get_indexdef(i.oid)
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid = %s::regclass ORDER BY i.relname
"""
NAME_AND_TABLE = re.compile(r"INDEX \S+ ON \S+ ")


def rows_of_search(connection: Connection) -> list[Line]:
    """Every table of the search: megabytes of its rows and of each index, and seconds to write both a second time."""
    lines, in_all, seconds_in_all = [], 0.0, 0.0
    for table, own in connection.execute(TABLES).fetchall():
        indexes = connection.execute(INDEXES, (table,)).fetchall()
        seconds = _seconds_to_write(connection, table, (definition for _, _, definition in indexes))
        lines += [Line(f"{table}, rows", own / MEGABYTE, "MB"), Line("  written anew with indexes", seconds, "s")]
        lines += [Line(f"  {name}", size / MEGABYTE, "MB") for name, size, _ in indexes]
        in_all += own + sum(size for _, size, _ in indexes)
        seconds_in_all += seconds
    return [
        Line("all tables of the search, indexes too", in_all / MEGABYTE, "MB"),
        Line("  written anew", seconds_in_all, "s"),
        *lines,
    ]


def _seconds_to_write(connection: Connection, table: str, definitions: Iterable[str]) -> float:
    """Into a table of the same columns, indexes last as the first publication makes them; rolled back."""
    with connection.transaction(force_rollback=True):
        began = time.perf_counter()
        connection.execute(SQL("CREATE TABLE {} AS SELECT * FROM {}").format(Identifier(COPY), Identifier(table)))
        for definition in definitions:
            connection.execute(NAME_AND_TABLE.sub(f"INDEX ON {COPY} ", definition).encode())
        return time.perf_counter() - began

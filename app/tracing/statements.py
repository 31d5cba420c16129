"""One span for each statement of PostgreSQL within a request that is traced: its first word and the table it names.

Never its values, nor its text: literals are taken out before a word is looked for.
"""

import re
from functools import lru_cache
from typing import Any, Self

import psycopg
from psycopg.abc import Query
from psycopg.rows import Row
from psycopg.sql import Composable

from app.tracing import is_heard, span

SYSTEM = "postgresql"
LITERAL = re.compile(r"'[^']*'")
OPERATION = re.compile(r"\s*([A-Z]+)\b")
TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN)\s+(?:ONLY\s+)?([a-z_][a-z0-9_]{0,62})\b")
OPERATIONS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "COPY", "SET", "SHOW", "CALL"})


class TracedCursor(psycopg.AsyncCursor[Row]):
    """As psycopg's own, with a span around `execute`. In the pools of the API alone, and only where traces are kept."""

    async def execute(self, query: Query, *given: Any, **named: Any) -> Self:
        if not is_heard():
            return await super().execute(query, *given, **named)
        operation, table = words(_text(query))
        said = {"db.system.name": SYSTEM, "db.operation.name": operation}
        if table:
            said["db.collection.name"] = table
        with span(f"{operation} {table}".rstrip(), said, kind="client"):
            return await super().execute(query, *given, **named)


@lru_cache(1_024)
def words(text: str) -> tuple[str, str]:
    """The operation and the first table that a statement names; `statement` and nothing where that is not plain."""
    bare = LITERAL.sub("''", text)
    operation, table = OPERATION.match(bare), TABLE.search(bare)
    if operation is None or operation[1] not in OPERATIONS:
        return "statement", ""
    return operation[1], table[1] if table else ""


def _text(query: Query) -> str:
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    if isinstance(query, Composable):
        return query.as_string()
    return query if isinstance(query, str) else ""

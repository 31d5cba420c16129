"""Reads of the audit trail: pages of acts, newest first, for REST and for the command."""

from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL
from pydantic import Field

from app.paging import COUNTED, ListQuery, Position, Term
from app.publication.listing import Found, fetch
from app.publication.reading import Pool

# Later than every row.
NEWEST = 9_223_372_036_854_775_807
FITTING = """
  FROM audit a
  WHERE (%(object)s::text IS NULL OR a.object_key = %(object)s)
    AND (%(operator)s::text IS NULL OR a.operator = %(operator)s)
    AND (%(action)s::text IS NULL OR a.action = %(action)s)
"""
PAGE = f"""
SELECT e.edition, (SELECT count(*) FROM (SELECT {FITTING} LIMIT %(counted)s) n), p.item, NULL, p.sequence
FROM directory e LEFT JOIN LATERAL (
  SELECT a.sequence, json_build_object('sequence', a.sequence, 'at', utc_text(a.at), 'actor', a.actor,
    'credential', a.credential, 'operator', a.operator, 'action', a.action, 'object_kind', a.object_kind,
    'object_key', a.object_key, 'before', encode(a.before, 'hex'), 'after', encode(a.after, 'hex'), 'detail', a.detail,
    'request_id', a.request_id, 'previous', encode(a.previous, 'hex'), 'hash', encode(a.hash, 'hex'))::text AS item
  {FITTING} AND a.sequence < %(before)s ORDER BY a.sequence DESC LIMIT %(rows)s) p ON true
ORDER BY p.sequence DESC
"""  # noqa: S608 - our own text
ACTS = f"""
SELECT a.sequence, a.at, a.actor, a.credential, a.operator, a.action, a.object_kind, a.object_key,
  encode(a.before, 'hex') AS before, encode(a.after, 'hex') AS after, a.detail, a.request_id,
  encode(a.previous, 'hex') AS previous, encode(a.hash, 'hex') AS hash
{FITTING} AND a.sequence < %(before)s ORDER BY a.sequence DESC LIMIT %(rows)s
"""


class AuditQuery(ListQuery):
    """Filters of the audit trail."""

    object: Term | None = Field(None, description="Key of one object: an address, the id of a key, a run, …")
    operator: Term | None = Field(None, description="On whose behalf", examples=["1990000010"])
    action: Term | None = Field(None, examples=["mailbox.created"])

    def parameters(self, before: int, rows: int) -> dict[str, Any]:
        return {
            **self.model_dump(include={"object", "operator", "action"}),
            "before": before,
            "rows": rows,
            "counted": COUNTED + 1,
        }


async def page(pool: Pool, query: AuditQuery, after: Position | None) -> Found:
    """At most `query.limit` + 1 acts that came before a position, newest first."""
    before = NEWEST if after is None else int(after[0])
    return await fetch(pool, SQL(PAGE).format(), query.parameters(before, query.limit + 1))


def acts(connection: psycopg.Connection[Any], query: AuditQuery, before: int) -> list[dict[str, Any]]:
    """At most `query.limit` acts with a number below `before`, newest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(ACTS, query.parameters(before, query.limit)).fetchall()

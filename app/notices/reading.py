"""Notices to one operator in the order in which it learns of them, and their end after a time."""

from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.publication.reading import Pool
from app.settings import Settings

Connection = psycopg.Connection[Any]
AT_ONCE = 10_000
IS_NEW = "SELECT EXISTS (SELECT FROM notice WHERE operator = %s AND number IS NULL)"
NUMBER = "SELECT number_notices(%s)"
NOTICES = """
SELECT number, at, code, kind, key, detail::json AS detail FROM notice
WHERE operator = %(operator)s AND number > %(after)s ORDER BY number LIMIT %(rows)s
"""
ITEMS = f"""
SELECT n.number, json_build_object('number', n.number, 'at', utc_text(n.at), 'code', n.code, 'kind', n.kind,
  'key', n.key, 'detail', n.detail)::text
FROM ({NOTICES}) n ORDER BY n.number
"""  # noqa: S608 - our own text
NUMBER_OLD = """
SELECT number_notices(o.operator)
FROM (SELECT DISTINCT operator FROM notice WHERE number IS NULL AND at < %(until)s) o
"""
# The last one stays: numbers go on from it.
FORGET = """
WITH old AS (
  SELECT n.id FROM notice n
  WHERE n.at < %(until)s AND n.number < (SELECT max(x.number) FROM notice x WHERE x.operator = n.operator)
  LIMIT %(rows)s
)
DELETE FROM notice n USING old WHERE n.id = old.id
"""


async def page(pool: Pool, engine: AsyncEngine, operator: str, after: int, rows: int) -> list[tuple[int, str]]:
    """(number, JSON text) of at most `rows` notices to an operator after a number."""
    async with pool.connection() as connection:
        is_new = await (await connection.execute(IS_NEW, (operator,))).fetchone()
    if is_new and is_new[0]:
        async with engine.begin() as writing:
            await writing.execute(text("SELECT number_notices(:operator)"), {"operator": operator})
    async with pool.connection() as connection:
        given = {"operator": operator, "after": after, "rows": rows}
        return await (await connection.execute(ITEMS, given)).fetchall()


def notices(connection: Connection, operator: str, after: int, rows: int) -> list[dict[str, Any]]:
    """The same for a command, which commits the numbers."""
    connection.execute(NUMBER, (operator,))
    connection.commit()
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(NOTICES, {"operator": operator, "after": after, "rows": rows}).fetchall()


def prune(connection: Connection, settings: Settings, now: datetime) -> None:
    """The duty: forget notices older than the setting allows, in portions, each a transaction."""
    given = {"until": now - timedelta(days=settings.notice_days), "rows": AT_ONCE}
    connection.execute(NUMBER_OLD, given)
    while connection.execute(FORGET, given).rowcount == AT_ONCE:
        pass

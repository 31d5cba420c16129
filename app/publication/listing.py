"""Lists of published resources: one page, its total and the edition, from one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.sql import SQL, Composable, Composed, Identifier
from starlette.requests import Request
from starlette.responses import Response

from app.answers import body_tag, tagged, tell_shown
from app.budgets.charging import BudgetExhausted, affordable
from app.paging import (
    COUNTED,
    Cursors,
    ListQuery,
    Position,
    Total,
    next_link,
    page_body,
    require_single_values,
    with_member,
)
from app.publication.reading import Pool
from app.standby.demand import require_edition

PAGE = SQL("""
WITH page AS MATERIALIZED (
  SELECT {order}, s.key AS resource, {match} AS match FROM {table} s
  WHERE {where} AND ({order}) > ({after}) ORDER BY {order} LIMIT %(rows)s
)
SELECT d.edition, (SELECT count(*) FROM (SELECT FROM {table} s WHERE {where} LIMIT %(counted)s) c),
       s.document, s.match, {order}
FROM (SELECT * FROM directory LIMIT 1) d
LEFT JOIN (SELECT page.*, p.document FROM page
           JOIN publication p ON p.kind = %(kind)s AND p.key = page.resource) s ON true
ORDER BY {order}
""")
WHOLE = SQL("""
SELECT p.document, {match}, {order}
FROM {table} s JOIN publication p ON p.kind = %(kind)s AND p.key = s.key
WHERE {where} AND ({order}) > ({after}) ORDER BY {order}
""")
NO_MATCH = SQL("NULL")


@dataclass(frozen=True, slots=True)
class Found:
    """One page as it came from the database: rows of (document, match, sort key…), one more than asked if there is.

    `count` goes up to one more than `counted`. `resume`: where a page that is short goes on, having read its share.
    """

    edition: int
    count: int
    rows: Sequence[tuple[Any, ...]]
    counted: int = COUNTED
    resume: Position | None = None


@dataclass(frozen=True)
class Selection:
    """Which rows of a search table, in which order. `order` ends with a unique column and holds no NULL.

    `first`: a sort key before which none of them stands, if it is known. With a bound of its own on the first column
    beside that of the cursor, PostgreSQL would read the index from its beginning.
    """

    kind: str
    table: str
    order: tuple[str, ...]
    where: tuple[Composable, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    match: Composable | None = None
    first: Position | None = None

    async def page(self, pool: Pool, after: Position | None, limit: int) -> Found:
        """At most `limit` + 1 rows after a sort key."""
        return await fetch(pool, *self.statement(after, limit))

    def statement(self, after: Position | None, limit: int) -> tuple[Composed, dict[str, Any]]:
        """The SQL of such a page, with its parameters."""
        statement, parameters = self._filled(PAGE, after)
        return statement, {**parameters, "rows": limit + 1, "counted": COUNTED + 1}

    def whole(self, after: Position | None) -> tuple[Composed, dict[str, Any]]:
        """The SQL of all rows after a sort key, in the columns of `Found.rows`, for a cursor."""
        return self._filled(WHOLE, after)

    def _filled(self, text: SQL, after: Position | None) -> tuple[Composed, dict[str, Any]]:
        parameters = {**self.parameters, **after_parameters(self.order, after or self.first), "kind": self.kind}
        statement = text.format(
            order=columns(self.order),
            table=Identifier(self.table),
            where=all_of(self.where),
            after=SQL(", ").join(SQL(f"%(after_{column})s") for column in self.order),
            match=self.match or NO_MATCH,
        )
        return statement, parameters


async def fetch(pool: Pool, statement: Composed, parameters: Mapping[str, Any]) -> Found:
    """Run a statement that gives (edition, count, document, match, sort key…).

    Not prepared: the best plan depends on how rare the values are, so it is made for them.
    """
    async with pool.connection() as connection:
        cursor = await connection.execute(statement, parameters, prepare=False)
        rows = await cursor.fetchall()
    return Found(rows[0][0], rows[0][1], [row[2:] for row in rows if row[2] is not None])


def all_of(conditions: Sequence[Composable]) -> Composed:
    """Conditions joined by AND; none = everything."""
    return SQL(" AND ").join(conditions or [SQL("true")])


def columns(names: Sequence[str]) -> Composed:
    """Columns of the row that is called `s`."""
    return SQL(", ").join(SQL("s.") + Identifier(name) for name in names)


def after_parameters(order: Sequence[str], after: Position | None) -> dict[str, str | int]:
    """The sort key to go on from, as parameters; before everything when there is none."""
    return {f"after_{column}": value for column, value in zip(order, after or ("",) * len(order), strict=True)}


def opened(request: Request, query: ListQuery) -> Position | None:
    """The position that the caller's cursor holds. Raises CursorInvalid; InvalidRequest for a repeated parameter."""
    require_single_values(request)
    if query.cursor is None:
        return None
    cursors: Cursors = request.app.state.cursors
    edition, position = cursors.open_dated(binding(request, query), query.cursor)
    require_edition(request, edition)
    return position


def listed(request: Request, query: ListQuery, found: Found) -> Response:
    """The answer of a list: items with their `match` where there is one, `next`, total, edition, Link and ETag."""
    return _listed(request, query, found, query.limit)


async def disclosed(request: Request, kind: str, query: ListQuery, found: Found) -> Response:
    """The answer of a list that shows persons: as many items as the caller's budget goes to, and it says so when cut.

    Raises BudgetExhausted when there are some and the caller may see none.
    """
    page = found.rows[: query.limit]
    shown = await affordable(request, kind, [(row[-1], row[0]) for row in page])
    return _listed(request, query, found, shown, cut=BudgetExhausted.code if shown < len(page) else None)


def total_of(found: Found) -> Total:
    """How many fit, as it is told."""
    return Total.of(found.count, found.counted)


def _listed(request: Request, query: ListQuery, found: Found, most: int, cut: str | None = None) -> Response:
    page, more = found.rows[:most], len(found.rows) > most
    position = page[-1][2:] if more else found.resume
    following = None if position is None else sealed(request, query, position, found.edition)
    items = [document if match is None else with_member(document, "match", match) for document, match, *_ in page]
    tell_shown(request, len(items))
    body = page_body(items, following, total_of(found), found.edition, cut)
    return tagged(request, body, body_tag(body), found.edition, next_link(request, following))


def sealed(request: Request, query: ListQuery, position: Position, edition: int) -> str:
    """The cursor behind a page. It names the page's edition where the next one might be read from a replica."""
    cursors: Cursors = request.app.state.cursors
    is_dated = request.app.state.sources.standby is not None
    return cursors.seal(binding(request, query), position, edition if is_dated else None)


def binding(request: Request, query: ListQuery) -> str:
    """What a cursor of this question is good for: its route and its filters."""
    return request.url.path + "?" + query.filters()

"""The owner's view: what an operator reads of its own mailboxes, and administrators of all: the one named exception."""

from psycopg.sql import SQL
from starlette.requests import Request
from starlette.responses import Response

from app.access.caller import Identity
from app.answers import tagged, tell_shown
from app.mailboxes.schemas import OwnMailboxQuery
from app.mailboxes.statements import named_statements
from app.paging import COUNTED, Position
from app.publication.listing import Found, fetch
from app.publication.reading import Pool

STATEMENTS = named_statements("own.sql")
ONE = STATEMENTS["one"].encode()
# Kept by nobody in between, and asked for again each time.
PRIVATE = {"Cache-Control": "private, no-cache"}
FILTERS = {
    "type": "m.type = %(type)s",
    "state": "m.state = %(state)s",
    "liste_rouge": "m.unlisted = %(liste_rouge)s",
}


async def own_answer(request: Request, address: str) -> Response | None:
    """The owner's view of a mailbox, for its own operator and administrators; None for everybody else."""
    caller: Identity = request.state.caller
    is_admin = caller.may("admin")
    if not is_admin and caller.operator is None:
        return None
    pool: Pool = request.app.state.pool
    async with pool.connection() as connection:
        given = {"address": address, "operator": caller.operator, "is_admin": is_admin}
        row = await (await connection.execute(ONE, given)).fetchone()
    if row is None:
        return None
    edition, document, etag = row
    tell_shown(request, 1)
    return tagged(request, document.encode(), etag, edition, PRIVATE)


async def own_page(pool: Pool, operator: str, query: OwnMailboxQuery, after: Position | None) -> Found:
    """At most `query.limit` + 1 mailboxes of an operator after an address."""
    given = query.model_dump(mode="json", include=set(FILTERS), exclude_none=True)
    filters = " AND ".join(["m.state <> 'withdrawn'", *(FILTERS[name] for name in given)])
    statement = SQL(STATEMENTS["page"]).format(filters=SQL(filters))
    (address,) = after or ("",)
    parameters = {
        **given,
        "operator": operator,
        "domain": query.domain and query.domain.strip().lower(),
        "after": address,
        "rows": query.limit + 1,
        "counted": COUNTED + 1,
    }
    return await fetch(pool, statement, parameters)

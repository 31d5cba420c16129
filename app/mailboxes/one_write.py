"""One write in one transaction: PUT, PATCH or DELETE of one mailbox."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from psycopg_pool import AsyncConnectionPool

from app.mailboxes import writing
from app.mailboxes.idempotency import Answer, Token, claim
from app.mailboxes.outcome import Outcome
from app.mailboxes.wish import Wish
from app.mailboxes.writing import PASSING, Connection, Writer
from app.problems import WriteBusy

Pool = AsyncConnectionPool[Connection]
TRIES = 3


async def write(pool: Pool, writer: Writer, wish: Wish, token: Token | None) -> Answer:
    """Carry out one write, or give its first answer again. Raises the problem that is against it.

    Two that publish one address at the same moment: the second is judged again, and finds the first.
    """
    async with pool.connection() as connection:
        for _ in range(TRIES):
            try:
                return await _once(connection, writer, wish, token)
            except PASSING:
                continue
    raise WriteBusy("Others write there at the same moment. Nothing was changed.")


async def _once(connection: Connection, writer: Writer, wish: Wish, token: Token | None) -> Answer:
    async with writing.rolled_back(connection):
        async with connection.pipeline():
            await connection.execute("BEGIN", prepare=False)
            if token and (kept := await claim(connection, token)):
                return kept
            standing = await writing.stand(connection, writer, [wish])
            outcome = writing.judge(writer, wish, standing)
            await writing.store(connection, [outcome])
            await writing.remember(connection, writer, [outcome], **_asked(wish, outcome, token))
        return Answer(*await writing.conclude(connection))


def _asked(wish: Wish, outcome: Outcome, token: Token | None) -> dict[str, Any]:
    """What the answer is made of, and the key that it is kept under."""
    is_new = outcome.status == HTTPStatus.CREATED
    return {
        "status": outcome.status,
        "address": wish.address,
        "location": f"/v1/mailboxes/{quote(wish.address, safe='@')}" if is_new else None,
        "key": token.key if token else None,
    }

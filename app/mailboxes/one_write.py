"""One write in one transaction: PUT, PATCH or DELETE of one mailbox."""

from typing import Any
from urllib.parse import quote

from psycopg_pool import AsyncConnectionPool

from app.mailboxes import writing
from app.mailboxes.idempotency import Answer, Token, claim, keeping
from app.mailboxes.wish import Wish
from app.mailboxes.writing import PASSING, Connection, Writer
from app.problems import WriteBusy

Pool = AsyncConnectionPool[Connection]
TRIES = 3
ANSWER = writing.STATEMENTS["answer"].encode()
KEEP = keeping(writing.STATEMENTS["answer"]).encode()


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
    async with connection.pipeline(), connection.transaction():
        if token and (kept := await claim(connection, token)):
            return kept
        standing = await writing.stand(connection, writer, [wish])
        outcome = writing.judge(writer, wish, standing)
        await writing.publish(connection, await writing.store(connection, [outcome]))
        given: dict[str, Any] = {"status": outcome.status, "address": wish.address, "location": None}
        if outcome.status == 201:  # noqa: PLR2004 - Created
            given["location"] = f"/v1/mailboxes/{quote(wish.address, safe='@')}"
        answered = await connection.execute(KEEP if token else ANSWER, given | (token.parameters if token else {}))
        await writing.audit(connection, writer, [outcome])
    return Answer(*(await answered.fetchone() or ()))

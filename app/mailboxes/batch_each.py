"""A batch line by line: what can be written is, in portions of one transaction each, published with their commit.

With an Idempotency-Key a batch that was cut short goes on where it stopped when it is sent again: each portion adds its
report to the row of the key in its own transaction.
"""

import time
from collections.abc import Sequence
from itertools import islice

import psycopg
import structlog

from app.mailboxes import idempotency, report
from app.mailboxes.batch import TRIES, answer, judged, outcomes, stand_for
from app.mailboxes.batch_body import Body, Line, lines
from app.mailboxes.idempotency import Answer, Token
from app.mailboxes.outcome import Outcome
from app.mailboxes.portions import Size, portions
from app.mailboxes.writing import PASSING, Connection, Writer, conclude, remember, rolled_back, store
from app.problems import Problem, WriteBusy

logger = structlog.get_logger(__name__)

# A lock that does not come, and a server that is too busy: of this portion nothing was written.
VAIN = (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)
# So many portions wait in vain for rows that an import holds, each as long as a single write; then none tries any more.
MOST_BUSY = 3
BUSY = (
    "An import or another write holds what this needs. Nothing of this line was written: send it again, in a new batch."
)


async def each_line(connection: Connection, writer: Writer, body: Body, token: Token | None, size: Size) -> Answer:
    """Carry out every line that the rules admit. Raises IdempotencyInFlight, IdempotencyMismatch."""
    if token is None:
        return answer(await _report(connection, writer, body, None, size, []))
    async with idempotency.held(connection, token):
        kept = await idempotency.begun(connection, token)
        if kept.status:
            return kept
        told = await _report(connection, writer, body, token, size, kept.body.decode().splitlines())
        return await idempotency.keep(connection, token, answer(told))


async def _report(
    connection: Connection, writer: Writer, body: Body, token: Token | None, size: Size, told: list[str]
) -> list[str]:
    """The report of the whole batch, of which `told` was done before."""
    busy = 0
    for portion in portions(islice(lines(body), len(told), None), size):
        try:
            if busy < MOST_BUSY:
                told += await _portion(connection, writer, portion, token, size)
            else:
                told += await _put_off(connection, portion, token)
        except VAIN as error:
            logger.info("portion took too long", lines=len(portion), kind=type(error).__name__)
            busy += 1
            size.halve()
            told += await _put_off(connection, portion, token)
    return told


async def _portion(
    connection: Connection, writer: Writer, portion: Sequence[Line], token: Token | None, size: Size
) -> list[str]:
    for _ in range(TRIES):
        try:
            return await _once(connection, writer, portion, token, size)
        except PASSING:
            continue
    return await _put_off(connection, portion, token)


async def _once(
    connection: Connection, writer: Writer, portion: Sequence[Line], token: Token | None, size: Size
) -> list[str]:
    async with rolled_back(connection):
        async with connection.pipeline():
            await connection.execute("BEGIN", prepare=False)
            standing = await stand_for(connection, writer, portion)
            started = time.monotonic()
            verdicts = judged(writer, portion, standing)
            admitted = outcomes(verdicts)
            told = [
                report.done(line, verdict.status) if isinstance(verdict, Outcome) else report.refused(line, verdict)
                for line, verdict in zip(portion, verdicts, strict=True)
            ]
            if token:
                await idempotency.progress(connection, token, told)
            await store(connection, admitted)
            await remember(connection, writer, admitted)
        await conclude(connection)
    size.learn(len(portion), started)
    return told


async def _put_off(connection: Connection, portion: Sequence[Line], token: Token | None) -> list[str]:
    """The report of lines that could not be tried; what cannot be read says so all the same.

    It is kept as that of lines that were: whoever resumes the batch goes on behind as many lines as were told.
    """
    told = [report.refused(line, line.wish if isinstance(line.wish, Problem) else WriteBusy(BUSY)) for line in portion]
    if token:
        await idempotency.progress(connection, token, told)
    return told

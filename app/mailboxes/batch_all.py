"""A batch all or nothing: one transaction, committed when the rules admit every line.

    portion ─► stand, judge, store ─► next portion … ─► publish, audit ─► commit ─► the rest of the publication

More than AT_ONCE lines would hold the publication lock for seconds: then what hides something is published with the
commit, and the rest is left in `pending` by that same commit and published in portions before the answer is given.
A crash in between loses nothing, since the worker publishes what waits.
"""

import json
import time
from collections.abc import Iterator, Sequence

import psycopg
import structlog

from app.mailboxes import idempotency, report
from app.mailboxes.batch import TRIES, Verdict, answer, judged, outcomes, stand_for
from app.mailboxes.batch_body import Body, Line, lines
from app.mailboxes.idempotency import Answer, Token
from app.mailboxes.outcome import Outcome
from app.mailboxes.portions import LARGEST, Size, portions
from app.mailboxes.write_problems import BatchRefused, LineNotTried
from app.mailboxes.writing import PASSING, Connection, Writer, audit, publish, store
from app.patience import longer_statements
from app.problems import Problem, WriteBusy

logger = structlog.get_logger(__name__)

AT_ONCE = 200
MARK = "INSERT INTO pending (kind, key) SELECT 'mailbox', unnest(%s::text[]) RETURNING id, key"
UNMARK = "DELETE FROM pending WHERE id = ANY (%s::bigint[])"
# Ten thousand addresses may be hidden at once.
PATIENCE = 60
Marks = list[tuple[int, str]]


async def every_line(connection: Connection, writer: Writer, body: Body, token: Token | None, size: Size) -> Answer:
    """Carry out all lines, or none. Raises BatchRefused, IdempotencyInFlight, IdempotencyMismatch, WriteBusy."""
    for _ in range(TRIES):
        try:
            told, marks = await _committed(connection, writer, body, token)
        except PASSING:
            continue
        try:
            await _publish_rest(connection, marks, size)
        except (psycopg.OperationalError, *PASSING) as error:
            # All of it is committed: what is not published yet stays marked, and the drain looks each second.
            logger.warning("the rest of a batch is left to the drain", lines=len(marks), kind=type(error).__name__)
        return told
    raise WriteBusy("Others write there at the same moment. Nothing was changed.")


async def _committed(connection: Connection, writer: Writer, body: Body, token: Token | None) -> tuple[Answer, Marks]:
    """The answer, and what is left to publish."""
    async with connection.transaction():
        if token and (kept := await idempotency.claim(connection, token)):
            return kept, []
        tried: list[tuple[Line, Verdict]] = []
        for portion in portions(lines(body), Size(0, LARGEST)):
            async with connection.pipeline():
                verdicts = judged(writer, portion, await stand_for(connection, writer, portion))
                await store(connection, outcomes(verdicts))
            tried += zip(portion, verdicts, strict=True)
        if any(isinstance(verdict, Problem) for _, verdict in tried):
            raise _refusal(tried)
        admitted = outcomes([verdict for _, verdict in tried])
        told = answer([report.done(line, verdict.status) for line, verdict in tried if isinstance(verdict, Outcome)])
        if token:
            await idempotency.keep(connection, token, told)
        marks = await _publish(connection, admitted)
        for acts in _cut(admitted, LARGEST):
            await audit(connection, writer, acts)
    return told, marks


async def _publish(connection: Connection, admitted: Sequence[Outcome]) -> Marks:
    """Publish what must be published with the commit; mark the rest."""
    changed = {outcome.after.address: outcome.after for outcome in admitted if outcome.is_changed}
    async with longer_statements(connection, PATIENCE):
        if len(changed) <= AT_ONCE:
            await publish(connection, list(changed))
            return []
        hiding = [address for address, row in changed.items() if row.unlisted or row.state != "active"]
        marked = await connection.execute(MARK, [[address for address in changed if address not in set(hiding)]])
        await publish(connection, hiding)
        return await marked.fetchall()


async def _publish_rest(connection: Connection, marks: Marks, size: Size) -> None:
    position = 0
    while portion := marks[position : position + size.lines]:
        started = time.monotonic()
        async with connection.pipeline(), connection.transaction():
            await publish(connection, [address for _, address in portion])
            await connection.execute(UNMARK, [[mark for mark, _ in portion]])
        position += len(portion)
        size.learn(len(portion), started)


def _refusal(tried: Sequence[tuple[Line, Verdict]]) -> BatchRefused:
    other = LineNotTried("This line is in order, but another one is not.")
    told = [report.refused(line, verdict if isinstance(verdict, Problem) else other) for line, verdict in tried]
    wrong = sum(isinstance(verdict, Problem) for _, verdict in tried)
    return BatchRefused(
        f"{wrong} of {len(tried)} lines cannot be written: see `results`.", results=[json.loads(each) for each in told]
    )


def _cut(acts: Sequence[Outcome], most: int) -> Iterator[Sequence[Outcome]]:
    return (acts[first : first + most] for first in range(0, len(acts), most))

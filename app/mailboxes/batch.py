"""What both kinds of batch share: each line judged for itself, and the answer."""

import json
from collections.abc import Sequence

from app.mailboxes.batch_body import Line
from app.mailboxes.idempotency import Answer
from app.mailboxes.outcome import Outcome
from app.mailboxes.report import document
from app.mailboxes.row import Standing
from app.mailboxes.wish import Wish
from app.mailboxes.writing import Connection, Writer, judge, stand
from app.problems import Problem

TRIES = 3
HEADERS = json.dumps({"Cache-Control": "no-store", "Content-Type": "application/json"})
Verdict = Outcome | Problem


async def stand_for(connection: Connection, writer: Writer, portion: Sequence[Line]) -> Standing:
    """What must be known to judge the lines of a portion, held until the transaction ends."""
    return await stand(connection, writer, [line.wish for line in portion if isinstance(line.wish, Wish)])


def judged(writer: Writer, portion: Sequence[Line], standing: Standing) -> list[Verdict]:
    """What becomes of each line, or what is against it. One bad line says nothing of the others."""
    return [_verdict(writer, line, standing) for line in portion]


def outcomes(verdicts: Sequence[Verdict]) -> list[Outcome]:
    return [verdict for verdict in verdicts if isinstance(verdict, Outcome)]


def answer(results: Sequence[str]) -> Answer:
    return Answer(200, HEADERS, document(results))


def _verdict(writer: Writer, line: Line, standing: Standing) -> Verdict:
    if isinstance(line.wish, Problem):
        return line.wish
    try:
        return judge(writer, line.wish, standing)
    except Problem as problem:
        return problem

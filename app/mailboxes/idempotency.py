"""Idempotency-Key: a request that is sent again under the same key has one effect, and gets the first answer again.

The key is an operator's own. It is claimed under an advisory lock, so that a second request finds the first in flight
instead of waiting for it, and its row is committed with the effect or not at all: whoever has no answer may always try
again. Kept for `idempotency_hours`.
"""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

import psycopg
from starlette.requests import Request
from starlette.responses import Response

from app.mailboxes.write_problems import IdempotencyInFlight, IdempotencyMismatch
from app.problems import InvalidRequest

Connection = psycopg.AsyncConnection[Any]

# The first of two numbers; the second is a hash of operator and key. Two keys of one hash, at the same moment, cost a
# needless 409.
IDEMPOTENCY_LOCK = 13
LONGEST_KEY = 255
HASH = "hashtext(%(operator)s || ' ' || %(key)s)"
CLAIM = f"""
INSERT INTO idempotency_key (operator, key, request, status, headers, body)
SELECT %(operator)s, %(key)s, %(request)s, 0, '', '' WHERE pg_try_advisory_xact_lock({IDEMPOTENCY_LOCK}, {HASH})
ON CONFLICT DO NOTHING RETURNING true
"""
FIND = "SELECT request, status, headers, body FROM idempotency_key WHERE operator = %(operator)s AND key = %(key)s"
HOLD = f"SELECT pg_try_advisory_lock({IDEMPOTENCY_LOCK}, {HASH})"
RELEASE = f"SELECT pg_advisory_unlock({IDEMPOTENCY_LOCK}, {HASH})"
BEGIN = """
INSERT INTO idempotency_key (operator, key, request, status, headers, body)
VALUES (%(operator)s, %(key)s, %(request)s, 0, '', '') ON CONFLICT DO NOTHING
"""
PROGRESS = """
UPDATE idempotency_key SET body = body || %(report)s WHERE operator = %(operator)s AND key = %(key)s
"""
KEEP = """
UPDATE idempotency_key SET status = %(status)s, headers = %(headers)s, body = %(body)s
WHERE operator = %(operator)s AND key = %(key)s
"""


class Answer(NamedTuple):
    """An answer as it is given, and given again: `headers` is a JSON object."""

    status: int
    headers: str
    body: bytes

    def response(self) -> Response:
        return Response(self.body or None, self.status, headers=json.loads(self.headers))


@dataclass(frozen=True, slots=True)
class Token:
    """A key, whose it is, and what it was sent with: SHA-256 of method, address, preconditions and body."""

    operator: str
    key: str
    request: bytes

    @property
    def parameters(self) -> dict[str, Any]:
        return {"operator": self.operator, "key": self.key, "request": self.request}

    def answered(self, request: bytes, answer: Answer) -> Answer:
        """The answer that was kept. Raises IdempotencyMismatch when it was one to another request."""
        if request != self.request:
            raise IdempotencyMismatch("Take a new key for a new request, and the same one only to send it again.")
        return answer


def token_of(request: Request, operator: str, body_digest: bytes) -> Token | None:
    """The key of a request, if it has one. Raises InvalidRequest for one that is too long, empty, or given twice."""
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    key = keys[0]
    if len(keys) > 1 or not 0 < len(key) <= LONGEST_KEY or not (key.isascii() and key.isprintable()):
        fault = {"pointer": "/header/idempotency-key", "code": "form", "detail": "One key of 1 to 255 characters."}
        raise InvalidRequest("Idempotency-Key is one text of 1 to 255 printable ASCII characters.", errors=[fault])
    asked = [
        request.method,
        request.url.path.lower(),
        request.url.query,
        *(request.headers.get(name, "") for name in ("if-match", "if-none-match", "content-type")),
    ]
    return Token(operator, key, sha256(json.dumps(asked).encode() + body_digest).digest())


async def claim(connection: Connection, token: Token) -> Answer | None:
    """Claim the key in this transaction: None when it is ours, the answer when it was used before.

    Raises IdempotencyInFlight, IdempotencyMismatch.
    """
    claimed = await connection.execute(CLAIM, token.parameters)
    if await claimed.fetchone():
        return None
    # The one that holds the lock may have committed since: this statement sees it.
    found = await (await connection.execute(FIND, token.parameters)).fetchone()
    if found is None:
        raise in_flight()
    return token.answered(found[0], Answer(*found[1:]))


def in_flight() -> IdempotencyInFlight:
    return IdempotencyInFlight("Send it again after a moment: then you get its answer.")


async def keep(connection: Connection, token: Token, answer: Answer) -> Answer:
    """Keep an answer under a key that was claimed or begun."""
    await connection.execute(KEEP, token.parameters | answer._asdict())
    return answer


@asynccontextmanager
async def held(connection: Connection, token: Token) -> AsyncIterator[None]:
    """Hold a key over several transactions. Raises IdempotencyInFlight."""
    found = await (await connection.execute(HOLD, token.parameters)).fetchone()
    if not found or not found[0]:
        raise in_flight()
    try:
        yield
    finally:
        if not connection.closed:
            await connection.execute(RELEASE, token.parameters)


async def begun(connection: Connection, token: Token) -> Answer:
    """The answer that was kept under a key that is held; with status 0, the report (a line each) so far, at first none.

    Raises IdempotencyMismatch.
    """
    await connection.execute(BEGIN, token.parameters)
    found = await (await connection.execute(FIND, token.parameters)).fetchone()
    assert found is not None  # noqa: S101 - it was there or has just been written
    return token.answered(found[0], Answer(*found[1:]))


async def progress(connection: Connection, token: Token, report: Iterable[str]) -> None:
    """Add lines to the report so far, in the transaction of what they tell."""
    text = "".join(f"{line}\n" for line in report)
    await connection.execute(PROGRESS, token.parameters | {"report": text.encode()})

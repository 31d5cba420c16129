"""Writes of operators: judged and carried out in one transaction, for one request or for a portion of a batch.

    idempotency key ─► stand: what is known, under locks ─► judge: the rules, pure ─► store: rows
                    ─► conclude: publish() (lock 4), answer, audit (lock 10), commit

A write waits for the database three times: for what it must know, for its rows, and for its conclusion, which is one
message: others queue behind its locks, and must not wait for a program that gets ready to send the next statement.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from app.access.caller import Identity
from app.identifiers import organization_candidates, practitioner_keys
from app.mailboxes import rules
from app.mailboxes.amend import amend
from app.mailboxes.outcome import Outcome
from app.mailboxes.register import register
from app.mailboxes.row import Current, Holder, Row, Standing
from app.mailboxes.statements import named_statements
from app.mailboxes.wish import MailboxPatch, MailboxPut, Wish
from app.mailboxes.withdraw import withdraw

Connection = psycopg.AsyncConnection[Any]
UNFINISHED = (TransactionStatus.INTRANS, TransactionStatus.INERROR)
# Somebody else wrote between two statements, against an order of locks that we do not know: the same work may succeed.
PASSING = (psycopg.errors.UniqueViolation, psycopg.errors.ForeignKeyViolation, psycopg.errors.DeadlockDetected)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, in which request; the mail domains of the trust space; days an address stays with its holder."""

    caller: Identity
    operator: str
    request_id: str | None
    accepted_domains: tuple[str, ...]
    quarantine_days: int


STATEMENTS = named_statements("writes.sql")


async def run(connection: Connection, name: str, **parameters: Any) -> psycopg.AsyncCursor[Any]:
    """Send one statement of writes.sql. Its result is there when it is fetched."""
    return await connection.execute(STATEMENTS[name].encode(), parameters)


async def stand(connection: Connection, writer: Writer, wishes: Sequence[Wish]) -> Standing:
    """What must be known to judge these writes, held until the transaction ends. Raises LockNotAvailable."""
    persons, structures = _holders_asked(wishes)
    asked = await run(
        connection,
        "stand",
        operator=writer.operator,
        certificate=writer.caller.certificate,
        domains=sorted({wish.address.domain for wish in wishes}),
        persons=persons,
        asked=[text for text, _ in structures],
        candidates=[candidate for _, candidate in structures],
        addresses=sorted({wish.address for wish in wishes}),
        quarantine=writer.quarantine_days,
    )
    found = await asked.fetchone()
    assert found is not None  # noqa: S101 - a function call always gives a row
    domains, faults, people, places, mailboxes = found
    return Standing(
        faults=tuple((code, detail) for code, detail in faults or ()),
        domains=frozenset(domains),
        persons=people or {},
        structures=_grouped(places or ()),
        mailboxes={known["address"]: _current(known) for known in mailboxes or ()},
    )


def judge(writer: Writer, wish: Wish, standing: Standing) -> Outcome:
    """What becomes of one write. Raises the problem of the first rule that is against it."""
    rules.may_write(writer.operator, wish.address, standing)
    if wish.fault is not None:
        raise wish.fault
    if isinstance(wish.body, MailboxPut):
        if wish.address not in standing.mailboxes:
            rules.require_accepted_domain(wish.address, writer.accepted_domains)
        return register(writer.operator, wish, wish.body, standing)
    if isinstance(wish.body, MailboxPatch):
        return amend(writer.operator, wish, wish.body, standing)
    return withdraw(writer.operator, wish, standing)


async def store(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    """Write the rows of these outcomes, of different addresses."""
    changed = [outcome for outcome in outcomes if outcome.is_changed]
    fresh = [outcome.after for outcome in changed if outcome.before is None]
    known = [outcome.after for outcome in changed if outcome.before is not None]
    reborn = [outcome.after for outcome in changed if outcome.is_reborn]
    if fresh:
        await run(connection, "insert", rows=_as_json(fresh))
    if known:
        await run(connection, "update", rows=_as_json(known))
    if reborn:
        await run(connection, "detach", addresses=[row.address for row in reborn])
        await run(connection, "attach", rows=_as_json(reborn))


async def publish(connection: Connection, addresses: Sequence[str]) -> None:
    """Publish these mailboxes, and whoever shows them, in this transaction. Takes the publication lock."""
    if addresses:
        await run(connection, "publish", kinds=["mailbox"] * len(addresses), keys=list(addresses))


async def audit(connection: Connection, writer: Writer, outcomes: Iterable[Outcome]) -> None:
    """Write down what was done. The last statement before the commit."""
    acts = [_act(outcome) for outcome in outcomes if outcome.is_changed]
    if acts:
        await run(connection, "audit", acts=json.dumps(acts), **_who(writer))


async def remember(connection: Connection, writer: Writer, outcomes: Iterable[Outcome], **asked: Any) -> None:
    """Give the transaction what it is to publish and to write down at its end; `asked`: what is to be answered."""
    writes = {
        **_who(writer),
        "acts": [_act(outcome) for outcome in outcomes if outcome.is_changed],
        **asked,
    }
    await run(connection, "remember", writes=json.dumps(writes))


async def conclude(connection: Connection) -> tuple[Any, ...]:
    """Publish, answer, write down and commit what the transaction remembers. Takes the locks of both.

    Sent as one message, outside of a pipeline: between publish() and the commit nothing waits for us.
    """
    concluded = await connection.execute(STATEMENTS["conclude"].encode(), prepare=False)
    return await concluded.fetchone() or ()


@asynccontextmanager
async def rolled_back(connection: Connection) -> AsyncIterator[None]:
    """What the body begins and does not commit is undone."""
    try:
        yield
    finally:
        if connection.info.transaction_status in UNFINISHED:
            await connection.execute("ROLLBACK")


def _who(writer: Writer) -> dict[str, Any]:
    return {
        "actor": writer.caller.id,
        "credential": writer.caller.credential,
        "operator": writer.operator,
        "request_id": writer.request_id,
    }


def _act(outcome: Outcome) -> dict[str, Any]:
    """What the audit trail keeps of an outcome."""
    return {
        "action": outcome.action,
        "address": outcome.after.address,
        "before": outcome.before.digest.hex() if outcome.before else None,
        "after": outcome.after.digest.hex(),
        "detail": outcome.detail,
    }


def _holders_asked(wishes: Iterable[Wish]) -> tuple[list[str], list[tuple[str, str]]]:
    """Keys of the persons, and (text, alias) of the structures, that bodies name."""
    bodies = [wish.body for wish in wishes if wish.body]
    persons = {key for body in bodies if body.practitioner for key in practitioner_keys(body.practitioner)}
    texts = {body.organization for body in bodies if body.organization}
    return sorted(persons), sorted((text, candidate) for text in texts for candidate in organization_candidates(text))


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Keys by the text that means them. A text that is a key itself means that structure alone."""
    found: dict[str, tuple[str, ...]] = {}
    for text, key in pairs:
        found[text] = (*found.get(text, ()), key)
    return {text: (text,) if text in keys else keys for text, keys in found.items()}


def _current(found: Mapping[str, Any]) -> Current:
    values = {name: value for name, value in found.items() if name in Row.__dataclass_fields__}
    holders = tuple(map(Holder, found["practitioners"], found["organizations"]))
    withdrawn_at = found["withdrawn_at"] and datetime.fromisoformat(found["withdrawn_at"])
    return Current(Row(**values, holders=holders), found["etag"], withdrawn_at, found["is_quarantined"])


def _as_json(rows: Iterable[Row]) -> str:
    def members(row: Row) -> dict[str, Any]:
        holder = row.holders[0] if row.holders else Holder(None, None)
        fields = {name: getattr(row, name) for name in Row.__dataclass_fields__ if name != "holders"}
        return fields | {"domain": row.domain} | holder._asdict()

    return json.dumps([members(row) for row in rows])

"""Writes of operators: judged and carried out in one transaction, for one request or for a portion of a batch.

    idempotency key ─► stand: what is known, under locks ─► judge: the rules, pure ─► carry_out: rows, publish()
                    ─► answer ─► audit (lock 10, last) ─► commit

Statements go out in a pipeline: a write waits for the database twice, once for what it must know, and once at its
commit; so the publication lock is never held while the event loop does something else.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

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
    addresses = sorted({wish.address for wish in wishes})
    domains = sorted({wish.address.domain for wish in wishes})
    persons, structures = _holders_asked(wishes)
    who = {"operator": writer.operator, "certificate": writer.caller.certificate}
    owned = await run(connection, "domains", domains=domains, **who)
    faults = await run(connection, "faults", operator=writer.operator)
    people = await run(connection, "persons", persons=persons) if persons else None
    asked, candidates = [each[0] for each in structures], [each[1] for each in structures]
    places = await run(connection, "structures", asked=asked, candidates=candidates) if asked else None
    await run(connection, "hold_mailboxes", addresses=addresses, **who)
    cursor = connection.cursor(row_factory=dict_row)
    found = {"addresses": addresses, "quarantine": writer.quarantine_days, **who}
    there = await cursor.execute(STATEMENTS["mailboxes"].encode(), found)
    return Standing(
        faults=tuple(await faults.fetchall()),
        domains=frozenset(name for (name,) in await owned.fetchall()),
        persons=dict(await people.fetchall() if people else ()),
        structures=_grouped(await places.fetchall() if places else ()),
        mailboxes={row["address"]: _current(row) for row in await there.fetchall()},
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


async def store(connection: Connection, outcomes: Sequence[Outcome]) -> list[str]:
    """Write the rows of these outcomes, of different addresses. Returns the addresses that changed."""
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
    return [outcome.after.address for outcome in changed]


async def publish(connection: Connection, addresses: Sequence[str]) -> None:
    """Publish these mailboxes, and whoever shows them, in this transaction. Takes the publication lock."""
    if addresses:
        await run(connection, "publish", kinds=["mailbox"] * len(addresses), keys=list(addresses))


async def audit(connection: Connection, writer: Writer, outcomes: Iterable[Outcome]) -> None:
    """Write down what was done. The last statement before the commit."""
    acts = [outcome for outcome in outcomes if outcome.is_changed]
    if acts:
        await run(
            connection,
            "audit",
            actor=writer.caller.id,
            credential=writer.caller.credential,
            operator=writer.operator,
            request_id=writer.request_id,
            actions=[act.action for act in acts],
            keys=[act.after.address for act in acts],
            befores=[act.before.digest if act.before else None for act in acts],
            afters=[act.after.digest for act in acts],
            details=[act.detail for act in acts],
        )


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
    return Current(Row(**values, holders=holders), found["etag"], found["withdrawn_at"], found["is_quarantined"])


def _as_json(rows: Iterable[Row]) -> str:
    def members(row: Row) -> dict[str, Any]:
        holder = row.holders[0] if row.holders else Holder(None, None)
        fields = {name: getattr(row, name) for name in Row.__dataclass_fields__ if name != "holders"}
        return fields | {"domain": row.domain} | holder._asdict()

    return json.dumps([members(row) for row in rows])

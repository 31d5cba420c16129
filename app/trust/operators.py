"""Operators from their first day to their last. Every verb works in the caller's transaction and ends with its audit.

    operator add ─► candidate ── the last piece of the file, or an exception ─► active ⇄ suspended
                        └──────────────────────── leave ◄──────────────────────────┘
                        ▲                           │
                        └───────── resume ◄─────────┘

A suspended operator writes no more, and its mailboxes are seen as before; those of one that left are seen no more.
"""

import re
from typing import Any

import psycopg
from psycopg.rows import dict_row

from app.access.audit import append, by_command, row_hash
from app.console import Refused
from app.identifiers import Finess, Siret
from app.trust.models import OperatorState
from app.trust.visibility import publish_at_once

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# 1 + FINESS or 3 + SIRET, as the OU of a certificate has it.
FINESS_ID, SIRET_ID = re.compile(r"1[0-9][0-9AB][0-9]{7}"), re.compile(r"3[0-9]{14}")
COLUMNS = "id, name, state, source, state_reason"
LOCKED = f"SELECT {COLUMNS} FROM operator WHERE id = %s FOR UPDATE"  # noqa: S608 - our own names
ADD = f"""
INSERT INTO operator (id, name, state, source) VALUES (%s, %s, 'candidate', 'admin')
ON CONFLICT DO NOTHING RETURNING {COLUMNS}
"""  # noqa: S608 - our own names
SET_STATE = f"UPDATE operator SET state = %s, state_reason = %s WHERE id = %s RETURNING {COLUMNS}"  # noqa: S608
ADMIT = f"""
UPDATE operator SET state = 'active', state_reason = NULL
WHERE id = %s AND state = 'candidate' AND NOT EXISTS (SELECT FROM publishing_fault(id)) RETURNING {COLUMNS}
"""  # noqa: S608 - our own names
# One that comes back is judged anew.
RETURNED = """
SELECT CASE WHEN conformity_waiver(%(operator)s) IS NULL
    AND EXISTS (SELECT FROM conformity_piece p WHERE p.operator = %(operator)s AND p.state <> 'in_force')
  THEN 'candidate' ELSE 'active' END
"""
# What may become what: from → to, and the word for it.
FROM = {
    OperatorState.SUSPENDED: {OperatorState.ACTIVE},
    OperatorState.ACTIVE: {OperatorState.SUSPENDED, OperatorState.LEFT},
    OperatorState.LEFT: {OperatorState.CANDIDATE, OperatorState.ACTIVE, OperatorState.SUSPENDED},
}


def locked(cursor: psycopg.Cursor[Row], operator: str) -> Row:
    """The operator, held until the transaction ends. Raises Refused: there is none."""
    row = cursor.execute(LOCKED.encode(), [operator]).fetchone()
    if row is None:
        raise Refused(f"there is no operator {operator}: see annuaire operator list", "operator.unknown")
    return row


def add(connection: Connection, operator: str, name: str) -> Row:
    """A candidate with an empty file. Raises Refused: the id is taken, or is none."""
    identifier, plain = _checked_id(operator), " ".join(name.split())
    if not plain:
        raise Refused("an operator needs a name", "operator.name_missing")
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(ADD.encode(), [identifier, plain]).fetchone()
        if row is None:
            found = locked(cursor, identifier)
            raise Refused(
                f"operator {identifier} is there already: {found['name']}, {found['state']}", "operator.exists"
            )
        append(
            connection, by_command("operator.added", "operator", identifier, operator=identifier, after=row_hash(row))
        )
    return row


def admitted(cursor: psycopg.Cursor[Row], operator: str) -> Row | None:
    """Make a candidate active if nothing stands in its way any more: the row as it then is, for `audit_state`."""
    return cursor.execute(ADMIT.encode(), [operator]).fetchone()


def audit_state(connection: Connection, before: Row, after: Row, detail: str) -> None:
    """Write down a change of state, last of all: the trail's lock comes after those of every row."""
    act = by_command(
        "operator.state_changed",
        "operator",
        after["id"],
        operator=after["id"],
        before=row_hash(before),
        after=row_hash(after),
        detail=f"{before['state']} → {after['state']}: {detail}",
    )
    append(connection, act)


def suspend(connection: Connection, operator: str, reason: str) -> Row:
    """Its writes stop at once; what it published stays. Raises Refused: it is not active."""
    return _move(connection, operator, OperatorState.SUSPENDED, reason)


def resume(connection: Connection, operator: str, reason: str) -> Row:
    """Back after a suspension, or after it left: then it is a candidate unless its file is complete."""
    with connection.cursor(row_factory=dict_row) as cursor:
        before = locked(cursor, operator)
        if before["state"] != OperatorState.LEFT:
            return _move(connection, operator, OperatorState.ACTIVE, reason)
        (state,) = (cursor.execute(RETURNED, {"operator": operator}).fetchone() or {}).values()
        after = _set(cursor, operator, OperatorState(state), reason)
        publish_at_once(cursor, "operator", operator)
    audit_state(connection, before, after, reason)
    return after


def leave(connection: Connection, operator: str, reason: str) -> Row:
    """Its writes stop and its mailboxes leave the publication, wholly and at once. Raises Refused: it left already."""
    return _move(connection, operator, OperatorState.LEFT, reason)


def _move(connection: Connection, operator: str, to: OperatorState, reason: str) -> Row:
    with connection.cursor(row_factory=dict_row) as cursor:
        before = locked(cursor, operator)
        if before["state"] not in FROM[to]:
            allowed = " or ".join(sorted(FROM[to]))
            raise Refused(
                f"operator {operator} is {before['state']}: only one that is {allowed} can be", "operator.state"
            )
        after = _set(cursor, operator, to, reason)
        if to is OperatorState.LEFT:
            publish_at_once(cursor, "operator", operator)
    audit_state(connection, before, after, reason)
    return after


def _set(cursor: psycopg.Cursor[Row], operator: str, state: OperatorState, reason: str) -> Row:
    row = cursor.execute(SET_STATE.encode(), [state, reason, operator]).fetchone()
    if row is None:
        raise LookupError(f"operator {operator} went away")
    return row


def _checked_id(text: str) -> str:
    identifier = text.strip()
    if not ID.fullmatch(identifier):
        raise Refused(
            f"{identifier[:80]!r} is no id of an operator: letters, digits, dots and dashes, 64 at most",
            "operator.id_form",
        )
    wrong = (FINESS_ID.fullmatch(identifier) and not Finess(identifier[1:]).has_valid_check_digit) or (
        SIRET_ID.fullmatch(identifier) and not Siret(identifier[1:]).has_valid_check_digit
    )
    if wrong:
        raise Refused(
            f"{identifier} looks like 1 + FINESS or 3 + SIRET, and its check digit is wrong", "operator.id_check"
        )
    return identifier

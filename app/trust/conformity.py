"""The conformity file of an operator: contract, commitment and hosting certificate, each in force for a time.

What is missing, expired or not begun is judged by SQL (`conformity_piece`, `publishing_fault`), at the moment of each
write. Nothing is ever changed in a file: a renewed document is recorded beside the one before.
"""

import getpass
from datetime import date
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from app.access.audit import append, by_command, row_hash
from app.console import Refused
from app.trust.models import ConformityKind
from app.trust.operators import admitted, audit_state, locked
from app.trust.queries import faults

Connection = psycopg.Connection[Any]
TODAY = "SELECT french_today()"
RECORD = """
INSERT INTO conformity_document (operator, kind, reference, starts_on, expires_on, recorded_by)
VALUES (%(operator)s, %(kind)s, %(reference)s, %(starts)s, %(expires)s, %(by)s)
RETURNING operator, kind, reference, starts_on, expires_on
"""
EXCEPT = """
INSERT INTO conformity_exception (operator, reason, expires_on, granted_by)
VALUES (%(operator)s, %(reason)s, %(expires)s, %(by)s) RETURNING operator, reason, expires_on
"""


class Recorded(NamedTuple):
    """What an act on a file came to: the state of the operator, whether it was admitted by it, and what is amiss."""

    state: str
    is_admitted: bool
    faults: list[dict[str, str]]


def record(
    connection: Connection, operator: str, kind: ConformityKind, reference: str, starts: date, expires: date
) -> Recorded:
    """Add a document; the last missing piece makes a candidate active. Raises Refused: dates that hold for no day."""
    if starts >= expires:
        raise Refused(f"a document that begins on {starts} cannot end on {expires}", "conformity.dates")
    if not reference.strip():
        raise Refused("a document needs its reference", "conformity.reference")
    given = {"operator": operator, "kind": kind, "reference": reference.strip(), "starts": starts, "expires": expires}
    said = f"{kind} {reference.strip()} from {starts} until {expires}"
    return _added(connection, operator, "conformity.recorded", RECORD, given, said)


def grant(connection: Connection, operator: str, reason: str, until: date) -> Recorded:
    """Let an operator publish until a day though its file is not complete. Raises Refused: the day is over."""
    if not reason.strip():
        raise Refused("an exception needs its reason", "conformity.reason")
    given = {"operator": operator, "reason": reason.strip(), "expires": until}
    return _added(connection, operator, "conformity.exception", EXCEPT, given, f"until {until}: {reason.strip()}")


def _added(
    connection: Connection, operator: str, action: str, statement: str, given: dict[str, Any], said: str
) -> Recorded:
    with connection.cursor(row_factory=dict_row) as cursor:
        before = locked(cursor, operator)
        (today,) = (cursor.execute(TODAY).fetchone() or {}).values()
        if given["expires"] < today:
            raise Refused(f"{given['expires']} is over: it would be in force on no day", "conformity.over")
        row = cursor.execute(statement.encode(), {**given, "by": f"account {getpass.getuser()}"}).fetchone()
        after = admitted(cursor, operator)
    append(connection, by_command(action, "operator", operator, operator=operator, after=row_hash(row), detail=said))
    if after:
        audit_state(connection, before, after, said)
    return Recorded((after or before)["state"], after is not None, faults(connection, operator))

"""Whether the keeper of the roots has still to be told that a backup was restored: `annuaire doctor` asks.

Nothing tells it by itself. A database that says of itself that it was restored, and so excuses the acts that it lacks,
is what whoever rewrites the trail would show; the line of `annuaire audit restored` is a person's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from app.access.audit_roots import SCHEMES, Root, roots_of
from app.access.audit_verify import sorted_out
from app.settings import Settings

Connection = psycopg.Connection[Any]
MOVED = "SELECT witness <> history_witness() FROM directory"
PASSED = "SELECT sequence, hash FROM audit WHERE sequence = ANY (%s)"
# Begun without anybody's saying so, and nobody has said it since (migration 0015).
ALONE = """
SELECT a.sequence FROM audit a WHERE a.action = 'history.begun' AND a.actor = 'database'
  AND NOT EXISTS (SELECT FROM audit t WHERE t.action = 'history.begun' AND t.actor <> 'database'
                  AND t.sequence > a.sequence)
ORDER BY a.sequence DESC LIMIT 1
"""
COMMAND = "annuaire audit restored{act} --reason '…'"


def untold(connection: Connection, settings: Settings) -> tuple[bool | None, str]:
    """Whether all is told, and a sentence with the command to run where it is not; None: nobody can tell from here."""
    if _value(connection, MOVED):
        return False, f"restored or promoted, and not written since: {COMMAND.format(act='')}, then start annuaire"
    begun = _value(connection, ALONE)
    command = COMMAND.format(act=f" --act {begun - 1}" if begun else "")
    target = settings.audit_anchor
    if target and not target.startswith(SCHEMES) and Path(target).exists():
        missed = missing(connection, list(roots_of(Path(target))))
        if missed:
            return False, (
                f"the trail does not go through {len(missed)} roots of {target}, from act {missed[0].sequence} on: "
                f"if a backup was restored, {command}; if none was, see annuaire audit verify"
            )
        return True, "the trail goes through every root that was kept of it"
    if begun:
        return None, f"another history began by itself at act {begun}: if acts are lost, {command}"
    return True, "no restore has still to be told"


def missing(connection: Connection, kept: Sequence[Root]) -> list[Root]:
    """Roots that were kept, through which the trail does not go, and of which no later one says that they are lost."""
    rows = connection.execute(PASSED, [[root.sequence for root in kept]]).fetchall()
    passed = dict.fromkeys((root.sequence for root in kept), b"") | {sequence: bytes(hash_) for sequence, hash_ in rows}
    return sorted_out(kept, passed)[1]


def _value(connection: Connection, statement: str) -> Any:
    row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else None

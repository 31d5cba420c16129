"""A backup was restored: what was written after it is lost, and the trail and the keeper of its roots both say so.

The act stands in the trail like any other. The root that covers it is anchored with `restored_to`, and that line alone
makes `audit verify` tell the roots that were lost from a trail that was cut off: whoever owns the database can write
the act, but not the line.
"""

from typing import Any

import psycopg

from app.access.audit import by_command
from app.access.audit_roots import Root, keep, root
from app.console import Refused

Connection = psycopg.Connection[Any]


def note_restored(connection: Connection, reason: str, last: int | None, target: str | None) -> tuple[Root, str]:
    """Begin a new history, in one transaction that ends when the root is kept. Returns it, and the epoch that ended.

    `last`: the last act that the backup held; None: no act was written since. Raises Refused for one that is not there,
    OSError when the root is not kept.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(4)")
        there = root(connection).sequence
        held = there if last is None else last
        if not 0 <= held <= there:
            raise Refused(
                f"the trail ends at act {there}: a backup with act {held} is not what stands here", "audit.act"
            )
        row = connection.execute("SELECT epoch FROM directory").fetchone()
        assert row is not None  # noqa: S101 - root() has read the row
        (ended,) = row
        act = by_command("history.begun", "history", ended, detail=f"restored to act {held}: {reason}")
        connection.execute("SELECT begin_epoch(%s, %s, %s)", [act.actor, act.credential, act.detail])
        covering = root(connection, restored_to=held)
        if target:
            keep(covering, target)
    return covering, ended

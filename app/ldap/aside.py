"""Which mailboxes the tree cannot hold, kept for those who do not talk to slapd: metrics and doctor show how many.

One that slapd refuses was tried in its batch, then alone. It is tried again when it is written anew and when the whole
tree is compared, and is forgotten once the tree holds what is published of it. A worker that dies after slapd's answer
and before this note leaves it out: `annuaire ldap verify` reads the tree itself.

Inside a snapshot, which only reads, nothing is noted: whoever opened it does so afterwards.
"""

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

Connection = psycopg.Connection[Any]
FORGET = "DELETE FROM ldap_aside WHERE address = ANY(%s)"
FORGET_OTHERS = "DELETE FROM ldap_aside WHERE address <> ALL(%s)"
REMEMBER = """
INSERT INTO ldap_aside (address) SELECT unnest(%s::text[])
ON CONFLICT (address) DO UPDATE SET tries = ldap_aside.tries + 1
"""


def note(connection: Connection, written: Iterable[str], refused: Iterable[str]) -> None:
    """These mailboxes were written, but for those `refused`."""
    if connection.info.transaction_status == TransactionStatus.IDLE:
        aside = set(refused)
        connection.execute(FORGET, (sorted(set(written) - aside),))
        _remember(connection, aside)


def note_whole(connection: Connection, differing: Iterable[str], refused: Iterable[str]) -> None:
    """The whole tree was compared: all but these are right, and those `refused` were tried once more."""
    if connection.info.transaction_status == TransactionStatus.IDLE:
        connection.execute(FORGET_OTHERS, (sorted(differing),))
        _remember(connection, refused)


def _remember(connection: Connection, refused: Iterable[str]) -> None:
    if aside := sorted(refused):
        connection.execute(REMEMBER, (aside,))

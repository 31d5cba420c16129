"""Writers in processes of their own, and a follower that is killed again and again."""

import json
import random
import sqlite3
import time
from pathlib import Path
from typing import Any

import psycopg

from tests.builders import a_mailbox, publish

Connection = psycopg.Connection[Any]
DOMAIN = "ch-exemple.mssante.fr"
# How many mailboxes a writer owns, and how many it touches in one transaction at most.
OWNED, MOST_AT_ONCE = 400, 20
# One in so many transactions is given up before its end.
ONE_IN = 10


def write(dsn: str, writer: int, changes: int) -> int:
    """Publish at least so many changes of this writer's mailboxes: new, changed, hidden, shown again, withdrawn."""
    chance = random.Random(writer)  # noqa: S311 - a test
    written = 0
    with psycopg.connect(dsn) as connection:
        addresses = [
            a_mailbox(connection, f"w{writer}-{number}@{DOMAIN}", state="suspended") for number in range(OWNED)
        ]
        connection.commit()
        while written < changes:
            touched = chance.sample(addresses, chance.randint(1, MOST_AT_ONCE))
            connection.execute(
                "UPDATE mailbox SET description = %s, state = CASE WHEN random() < 0.2 THEN 'suspended'"
                " ELSE 'active' END WHERE address = ANY (%s)",
                (str(chance.random()), touched),
            )
            if chance.randrange(ONE_IN) == 0:
                connection.execute("SELECT publish(%s, %s)", (["mailbox"] * len(touched), touched))
                connection.rollback()
                continue
            publish(connection, *(("mailbox", address) for address in touched))
            written += len(touched) // 2
    return written


def rows_of(copy: Path) -> set[tuple[str, str, bytes]]:
    """What a copy in SQLite holds, read by nothing of ours."""
    with sqlite3.connect(copy, timeout=30) as connection:
        return set(connection.execute("SELECT kind, key, fingerprint FROM annuaire_resource").fetchall())


def edition_of(copy: Path, column: str) -> int:
    """How far a copy is (`edition`), or was when it was last proved (`proved_edition`); 0 before that."""
    if not copy.exists():
        return 0
    try:
        with sqlite3.connect(copy, timeout=30) as connection:
            return int(connection.execute(f"SELECT {column} FROM annuaire_follower").fetchone()[0] or 0)
    except (sqlite3.OperationalError, TypeError):
        return 0


def wait_until_at(copy: Path, edition: int, process: Any, patience: float, column: str = "edition") -> None:
    """Until the copy has come to this edition, or was proved there."""
    deadline = time.monotonic() + patience
    while (reached := edition_of(copy, column)) < edition:
        assert process.poll() is None, "the follower ended by itself"
        assert time.monotonic() < deadline, f"the copy stays at {reached}, and {edition} was to be reached"
        time.sleep(0.01)


def last_object(text: str) -> Any:
    """The JSON of a command's last line on stdout."""
    lines = [line for line in text.splitlines() if line.startswith("{")]
    return json.loads(lines[-1])

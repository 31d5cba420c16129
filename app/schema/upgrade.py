"""The schema is brought up: each migration in its own transaction, waiting for locks only briefly, again and again.

A migration that waits for a lock makes everybody wait who comes after it for the same table, though they would get
along with its present holder. So it waits for LOCK_MS, half of what an operator's write waits before it is refused;
then it gives up, all its waiters go on, and it tries again later. What it did until then is undone with its
transaction, what came before it stays.
"""

import random
import time
from typing import Any

import psycopg
import sqlalchemy.exc
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from app.console import Refused, one_line, say
from app.schema.blockers import Watch
from app.schema.standing import look, missing

# Of each attempt; app.pools.WRITE_LOCK_MS is twice as long. A migration may set less, and as much more as its own kind
# of lock lets others go on (CREATE INDEX CONCURRENTLY).
LOCK_MS = 1_000
# What no statement of a migration exceeds that sets no limit of its own.
LONGEST_STATEMENT = "1h"
# Between attempts, a minute in all; each is longer or shorter by up to half, so that who collided does not do so again.
PAUSES = (1.0, 2.0, 3.0, 5.0, 8.0, 10.0, 15.0, 15.0)
IN_THE_WAY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)


def bring_up(config: Config, revision: str = "head") -> None:
    """Run what is missing up to `revision`; nothing on a newer schema that serves this code. May be called again.

    Raises Refused: the database cannot hold every name (schema.encoding); a newer annuaire made the schema
    (schema.unknown); others held a lock at each attempt, and are
    named (schema.blocked); a statement took longer than its migration allows (schema.too_slow); another upgrade does
    not end (schema.busy).
    """
    url = config.attributes["libpq_url"]
    with psycopg.connect(url, connect_timeout=10) as connection:
        require_utf8(connection)
        if not missing(look(connection), ScriptDirectory.from_config(config)):
            return
    for place, pause in enumerate((*PAUSES, None), start=1):
        with Watch(url) as watch:
            config.attributes["follow"] = watch.follow
            cause = _attempt(config, revision)
        if cause is None:
            return
        seen = str(watch.seen) if watch.seen else one_line(cause)
        if pause is None:
            raise Refused(
                f"{place} times another session was in the way of a migration ({seen}): what it did is undone, what "
                "came before it stays; end or await that session, and run annuaire db upgrade again",
                "schema.blocked",
            ) from cause
        wait = pause * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
        say(f"annuaire: a migration waits: {seen}; attempt {place + 1} of {len(PAUSES) + 1} in {wait:.1f} s")
        time.sleep(wait)


def require_utf8(connection: psycopg.Connection[Any]) -> None:
    """Raises Refused (schema.encoding): accents are bytes to this database, or have no place in it."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise Refused(
            f"this database is kept in {encoding}, where names lose their accents: make another one with createdb "
            "--template=template0 --encoding=UTF8 --locale=C.UTF-8, and name it in ANNUAIRE_DATABASE_URL",
            "schema.encoding",
        )


def _attempt(config: Config, revision: str) -> psycopg.Error | None:
    """Run what is missing. Returns what the server said when somebody was in the way."""
    try:
        command.upgrade(config, revision)
    except (psycopg.Error, sqlalchemy.exc.DBAPIError) as error:
        cause: Any = getattr(error, "orig", error)
        if isinstance(cause, IN_THE_WAY):
            return cause
        if isinstance(cause, psycopg.errors.QueryCanceled):
            raise Refused(
                f"a migration was ended ({one_line(cause)}): what it did is undone, what came before it stays. Run "
                "annuaire db upgrade again when less is going on",
                "schema.too_slow",
            ) from error
        # What SQLAlchemy wraps is known to whoever runs a command, its wrapping is not.
        raise cause from error
    return None

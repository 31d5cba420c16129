"""The worker's clock: settles each transfer at its hour, and sleeps until the next one.

Each is one transaction of its own (`settle_transfer`): whoever is killed on the way has done nothing, and whoever comes
next does it. Two workers take different ones. A proposal nobody agreed to lapses at its hour; an agreed transfer
that is not possible any more fails; both sides are told either way.
"""

import threading
from typing import Any

import psycopg
import structlog

from app.console import one_line
from app.db import connect, is_passing
from app.faults import fault
from app.settings import Settings
from app.transfers.statements import DUE, FAIL, NEXT, SETTLE

logger = structlog.get_logger(__name__)

Connection = psycopg.Connection[Any]
# A notification can be lost with its connection; and a database whose clock was set is asked again.
LOOK_SECONDS = 30.0
# So often `stop` is looked at while nothing is due.
STOP_SECONDS = 1.0
# Somebody holds what a transfer needs (an import, a write): its hour waits.
RETRY_SECONDS = 1.0


def run(settings: Settings, stop: threading.Event) -> None:
    """The worker's loop, until `stop` is set. Raises when PostgreSQL goes away."""
    with connect(settings, autocommit=True) as connection:
        connection.execute("LISTEN annuaire_transfer")
        while not stop.is_set():
            seconds = settle_due(connection, settings)
            while seconds > 0 and not stop.is_set():
                pause = min(seconds, STOP_SECONDS)
                if any(True for _ in connection.notifies(timeout=pause, stop_after=1)):
                    break
                seconds -= pause


def settle_due(connection: Connection, settings: Settings) -> float:
    """Settle every transfer whose hour has come. Returns the seconds until one may be due again."""
    for (number,) in connection.execute(DUE).fetchall():
        try:
            with connection.transaction():
                row = connection.execute(SETTLE, {"id": number, "wide": settings.publish_wide}).fetchone()
        except psycopg.Error as error:
            if connection.broken:
                raise
            if is_passing(error):
                logger.warning("a transfer waits", transfer=number, error=fault(error))
                return RETRY_SECONDS
            # It would be at fault for ever, and hold up those after it.
            logger.exception("transfer failed", transfer=number)
            with connection.transaction():
                connection.execute(
                    FAIL, {"id": number, "why": f"the directory could not carry it out: {one_line(error)}"}
                )
        else:
            logger.info("transfer settled", transfer=number, became=row and row[0])
    row = connection.execute(NEXT).fetchone()
    seconds = row[0] if row and row[0] is not None else LOOK_SECONDS
    return min(max(seconds, 0.0), LOOK_SECONDS)

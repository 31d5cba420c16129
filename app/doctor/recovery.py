"""What a lost disk would cost, and whether a restore that was made has still to be told."""

from datetime import UTC, datetime

from app import backups
from app.access.audit_untold import untold
from app.db import connect
from app.doctor.finding import Looks, Seen
from app.settings import Settings

REMEDY = "see docs/recovery.md"


def _history(settings: Settings) -> Seen:
    with connect(settings) as connection:
        ok, detail = untold(connection, settings)
    return Seen(ok, detail, "" if ok else REMEDY)


def _backups(settings: Settings) -> Seen:
    with connect(settings) as connection:
        ok, detail = backups.judged(backups.look(connection, settings), datetime.now(UTC))
    return Seen(ok, detail, "" if ok else REMEDY)


LOOKS: Looks = {"history": _history, "backups": _backups}

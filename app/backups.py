"""How old the last base backup is, and how far the log of PostgreSQL has left the machine (docs/recovery.md)."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from app.console import Refused
from app.settings import Settings

ARCHIVER = """
SELECT current_setting('archive_mode') <> 'off', s.last_archived_time, s.last_failed_time, s.last_failed_wal
FROM pg_stat_archiver s
"""
STAMP = "%Y%m%dT%H%M%S.%fZ"
# They are made each night; one that was missed is made up for by the next.
BASE_LIMIT = timedelta(days=2)
# A file of the log is handed over each minute in which something was written; an idle directory writes every five.
LOG_LIMIT = timedelta(minutes=15)


class Kept(NamedTuple):
    """What is kept elsewhere. `base`: when the newest base backup was whole; None: unknown here, or none.

    `log`, `failed`: when PostgreSQL last handed over a file of its log, and last failed to; `failing`: which one.
    """

    archives: bool
    log: datetime | None
    failed: datetime | None
    failing: str | None
    base: datetime | None


def look(connection: psycopg.Connection[Any], settings: Settings) -> Kept:
    """Ask PostgreSQL, and the file that `base-backup` writes. Raises what `newest` raises."""
    row = connection.execute(ARCHIVER.encode()).fetchone() or (False, None, None, None)
    return Kept(row[0], row[1], row[2], row[3], newest(settings))


def newest(settings: Settings) -> datetime | None:
    """When the newest base backup was whole; None: none yet, or nobody says where. Raises OSError, Refused."""
    if settings.backup_stamp is None or not settings.backup_stamp.exists():
        return None
    try:
        stamp = settings.backup_stamp.read_text(encoding="ascii").strip()
        return datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    except ValueError as error:
        raise Refused(
            f"{settings.backup_stamp} (ANNUAIRE_BACKUP_STAMP) is not what base-backup writes", "setting.invalid"
        ) from error


def judged(kept: Kept, now: datetime) -> tuple[bool | None, str]:
    """Whether a lost disk loses no more than it must, and a sentence; None where nothing of it is watched from here."""
    if not kept.archives:
        return (
            None,
            "the log is not archived: what is written after a copy goes with the disk (docs/recovery.md)",
        )
    if kept.failed and (kept.log is None or kept.failed > kept.log):
        return False, f"PostgreSQL cannot archive {kept.failing} since {_text(kept.failed)}: its own log says why"
    if kept.log is None or now - kept.log > LOG_LIMIT:
        since = f"since {_text(kept.log)}" if kept.log else "yet"
        return False, f"nothing of the log was archived {since}: is archive_timeout set?"
    said = f"the log is archived up to {_text(kept.log)}"
    if kept.base is None:
        return None, f"{said}; no base backup is known here (ANNUAIRE_BACKUP_STAMP)"
    if now - kept.base > BASE_LIMIT:
        return False, f"{said}; the last base backup is of {_text(kept.base)}: systemctl status annuaire-backup"
    return True, f"{said}; the last base backup is of {_text(kept.base)}"


def _text(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

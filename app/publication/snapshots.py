"""Snapshots: the whole directory of one edition as files, so that a copy begins in minutes and goes on with the feed.

    make ─► one REPEATABLE READ transaction: edition, root, files in DIR/<edition>.part ─► DIR/<edition>
         ─► under the publication lock: offered, unless somebody was hidden meanwhile

One at a time (advisory lock 13), by the worker's clock or by command. A snapshot is made of a moment in which nothing
waits to be published: then the registry, from which the national file takes its cells, says what the publication says.
Whoever hides somebody withdraws what is offered in the same transaction (trigger on the log); the files go soon after.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import structlog

from app.publication.digest import root
from app.publication.snapshot_files import MANIFEST, SUMS, File, write_extraction, write_resources, write_text
from app.settings import Settings
from app.signing import Signer, signing_of

logger = structlog.get_logger(__name__)

Connection = psycopg.Connection[Any]

SNAPSHOT_LOCK = 13
PUBLICATION_LOCK = 4
MANIFEST_TYPE = "annuaire-snapshot+jwt"
PART = ".part"
# Locked first, which hinders no writer: the first publication puts other tables in their place (app.publication.bulk).
ONE_SNAPSHOT = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "LOCK TABLE publication, mailbox, mailbox_attachment IN ACCESS SHARE MODE",
)
MOMENT = """
SELECT d.edition, d.epoch, now(), now() AT TIME ZONE 'Europe/Paris', EXISTS (SELECT FROM pending),
  EXISTS (SELECT FROM snapshot s WHERE s.edition = d.edition AND s.epoch = d.epoch AND s.state = 'offered')
FROM directory d
"""
# Asked under the publication lock: whoever hides somebody after this finds the row and withdraws it.
OFFER = """
INSERT INTO snapshot (edition, file, epoch, bytes, sha256, resources, made_at, state)
SELECT %(edition)s, f.file, %(epoch)s, f.bytes, f.sha256, %(resources)s, %(at)s,
  CASE WHEN d.epoch = %(epoch)s AND d.hidden_at <= %(edition)s THEN 'offered' ELSE 'withdrawn' END
FROM directory d, unnest(%(files)s::text[], %(bytes)s::bigint[], %(sha256)s::text[]) AS f (file, bytes, sha256)
RETURNING state
"""
# The newest one stays, however old: without any, nobody could begin a copy.
EXPIRE = """
UPDATE snapshot s SET state = 'expired' FROM directory d
WHERE s.state = 'offered'
  AND (s.epoch <> d.epoch
       OR s.made_at < now() - %(days)s
          AND s.edition < (SELECT max(x.edition) FROM snapshot x WHERE x.state = 'offered' AND x.epoch = d.epoch))
"""
FORGET = "DELETE FROM snapshot WHERE state <> 'offered' AND made_at < now() - %(days)s"
OFFERED = "SELECT DISTINCT edition FROM snapshot WHERE state = 'offered'"


class Made(NamedTuple):
    """A snapshot. `offered` is False when somebody was hidden while it was made."""

    edition: int
    epoch: str
    root: str
    made_at: datetime
    files: Sequence[File]
    offered: bool


@contextmanager
def making(connection: Connection) -> Iterator[bool]:
    """Be the one who makes and removes snapshots; False when somebody else is."""
    (is_maker,) = connection.execute("SELECT pg_try_advisory_lock(%s)", [SNAPSHOT_LOCK]).fetchone() or (False,)
    try:
        yield is_maker
    finally:
        if is_maker and not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", [SNAPSHOT_LOCK])


def make(settings: Settings, connection: Connection) -> Made | None:
    """Make the files of the current edition and offer them. None: something waits to be published, or they are there.

    The connection is in autocommit, and its caller is the one who makes them (`making`).
    """
    folder = settings.snapshot_dir
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    signer = signing_of(settings).signer
    with connection.transaction():
        for statement in ONE_SNAPSHOT:
            connection.execute(statement.encode())
        edition, epoch, at, in_france, waits, is_there = connection.execute(MOMENT).fetchone() or (0, "", *[None] * 4)
        if waits or is_there:
            return None
        part = folder / f"{edition}{PART}"
        _remove(part)
        part.mkdir(mode=0o750)
        try:
            digest = root(connection)
            resources, count = write_resources(connection, part)
            files = [resources, *write_extraction(connection, part, in_france)]
        except BaseException:
            # A disk that is full is to be full no longer than it must: others write there.
            _remove(part)
            raise
    made = Made(edition, epoch, digest.root, at, files, offered=False)
    files.append(write_text(part, SUMS, "".join(f"{each.sha256}  {each.file}\n" for each in files)))
    if signer:
        files.append(write_text(part, MANIFEST, _manifest(settings, signer, made)))
    _put_in_place(part, folder / str(edition))
    made = made._replace(offered=_offer(connection, made, count))
    logger.info("snapshot made", edition=edition, resources=count, offered=made.offered)
    return made


def is_offered(connection: Connection) -> bool:
    """Whether the current edition has its files."""
    row = connection.execute(MOMENT).fetchone()
    return bool(row and row[-1])


def sweep(settings: Settings, connection: Connection) -> None:
    """What is old is offered no more; the files of what is not offered go, those of a making that was cut short too.

    The caller is the one who makes them (`making`).
    """
    connection.execute(EXPIRE, {"days": timedelta(days=settings.snapshot_days)})
    connection.execute(FORGET, {"days": timedelta(days=settings.feed_days)})
    offered = {str(edition) for (edition,) in connection.execute(OFFERED)}
    if not settings.snapshot_dir.is_dir():
        return
    for path in settings.snapshot_dir.iterdir():
        if path.name.removesuffix(PART).isdigit() and path.name not in offered:
            _remove(path)


def _manifest(settings: Settings, signer: Signer, made: Made) -> str:
    payload = {
        "iss": settings.issuer,
        "edition": made.edition,
        "epoch": made.epoch,
        "root": made.root,
        "files": [each._asdict() for each in made.files],
        "iat": int(made.made_at.timestamp()),
    }
    return signer.sign(payload, MANIFEST_TYPE)


def _offer(connection: Connection, made: Made, resources: int) -> bool:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [PUBLICATION_LOCK])
        connection.execute("DELETE FROM snapshot WHERE edition = %s", [made.edition])
        files, sizes, sums = zip(*made.files, strict=True)
        states = connection.execute(
            OFFER,
            {
                "edition": made.edition,
                "epoch": made.epoch,
                "at": made.made_at,
                "resources": resources,
                "files": list(files),
                "bytes": list(sizes),
                "sha256": list(sums),
            },
        ).fetchall()
    return {state for (state,) in states} == {"offered"}


def _put_in_place(part: Path, whole: Path) -> None:
    """The finished folder takes the name under which it is served, and has it also after a power cut."""
    _remove(whole)
    part.rename(whole)
    for folder in (whole, whole.parent):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)

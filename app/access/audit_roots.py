"""Roots of the audit trail, kept where whoever writes the database cannot reach them: in a file, or behind a URL.

A root is the hash of the last row. Since each hash covers all rows before it, one root that is kept elsewhere proves
every row up to it. A file gets one JSON object a line; a URL gets the same object by POST and answers 2xx when it holds
it.
"""

import json
import os
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from app.console import Refused
from app.settings import Settings

Connection = psycopg.Connection[Any]
HEAD = """
SELECT h.sequence, h.hash, h.count, d.epoch, clock_timestamp() FROM audit_head h CROSS JOIN directory d
"""
PATIENCE_SECONDS = 10
SCHEMES = ("http://", "https://")
HASH_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Root:
    """Where the trail ended at an instant: number and hash of its last row, and how many rows there were.

    `restored_to`: its last act says that a backup was restored, which held the trail up to this number; what was
    anchored before, and stands behind it, is lost.
    """

    sequence: int
    hash: bytes
    count: int
    epoch: str
    at: str
    restored_to: int | None = None

    def as_json(self) -> dict[str, Any]:
        said = asdict(self) | {"hash": self.hash.hex()}
        return {name: value for name, value in said.items() if value is not None}


class AnchorRefused(OSError):
    """Whoever keeps the roots did not take one: it answered something else than 2xx."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A root that was sent on as a GET would be kept nowhere: a redirect is an error."""

    def redirect_request(self, req: urllib.request.Request, *answer: Any) -> None:
        _, code, _, _, target = answer
        raise AnchorRefused(f"{req.full_url} answered {code} and leads to {target}: set that address")


def root(connection: Connection, *, restored_to: int | None = None) -> Root:
    """Where the trail ends now."""
    row = connection.execute(HEAD).fetchone()
    if row is None:
        raise LookupError("the tables audit_head and directory are empty: run `annuaire db upgrade`")
    sequence, digest, count, epoch, at = row
    instant = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return Root(sequence, bytes(digest), count, epoch, instant, restored_to)


def anchor(connection: Connection, target: str) -> Root:
    """Keep the present root at `target`. Raises as `keep`."""
    present = root(connection)
    keep(present, target)
    return present


def keep(present: Root, target: str) -> None:
    """Keep a root at `target`, a URL or the path of a file. Raises OSError when it is not kept.

    A file that ends with this very root is left as it is.
    """
    if target.startswith(SCHEMES):
        _post(target, present)
    else:
        _write(Path(target), present)


def anchor_hourly(connection: Connection, settings: Settings, _now: datetime) -> None:
    """The duty: keep the root where the setting says, if it says so."""
    if settings.audit_anchor:
        anchor(connection, settings.audit_anchor)


def roots_of(path: Path) -> Iterator[Root]:
    """The roots of a file that `anchor` wrote, or that was fetched from the keeper of a URL. Raises Refused."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            yield _parsed(line, f"{path} line {number}")


def _parsed(line: str, place: str) -> Root:
    try:
        said = json.loads(line)
        digest = bytes.fromhex(said["hash"])
        restored = int(said["restored_to"]) if "restored_to" in said else None
        found = Root(int(said["sequence"]), digest, int(said["count"]), str(said["epoch"]), str(said["at"]), restored)
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"{place} is no root of an audit trail: {line[:80]!r}", "audit.anchor") from error
    if len(said["hash"]) != HASH_DIGITS:
        raise Refused(f"{place}: a hash has {HASH_DIGITS} hexadecimal digits", "audit.anchor")
    return found


def _write(path: Path, present: Root) -> None:
    # Append and fsync: what was written once is there after a crash, and nothing before it is touched.
    with path.open("a+", encoding="utf-8") as file:
        file.seek(0)
        last = None
        for line in file:
            last = line
        if last is not None and last.endswith("\n") and _is_same(_parsed(last, str(path)), present):
            return
        if last is not None and not last.endswith("\n"):
            raise Refused(
                f"{path} ends in the middle of a line: look at it, and complete or remove that line", "audit.anchor"
            )
        file.write(json.dumps(present.as_json(), sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _is_same(kept: Root, present: Root) -> bool:
    return (kept.sequence, kept.hash, kept.epoch) == (present.sequence, present.hash, present.epoch)


def _post(url: str, present: Root) -> None:
    body = json.dumps(present.as_json(), sort_keys=True).encode()
    request = urllib.request.Request(  # noqa: S310 - the caller chose by SCHEMES
        url, data=body, method="POST", headers={"Content-Type": "application/json"}
    )
    opener = urllib.request.build_opener(_NoRedirect())
    # An answer of 400 and above is raised as HTTPError, an OSError.
    with opener.open(request, timeout=PATIENCE_SECONDS):
        pass

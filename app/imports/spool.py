"""Files handed in over REST: on disk from the first byte, in constant memory, until the worker needs them no more.

spool_dir ─┬─ RUN.part/NAME      while it comes in; removed when it breaks off
           ├─ RUN/NAME           whole and synced, the run waits for the worker
           └─ rejects/RUN.txt    what GET /v1/imports/RUN/rejects serves
"""

import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import anyio
from anyio.to_thread import run_sync
from starlette.requests import ClientDisconnect

from app.imports.problems import QueueFull, StorageFull
from app.problems import TooLarge, UnreadableRequest

BLOCK = 1_048_576
# Uploads that one API process takes at a time.
MOST_UPLOADS = 4
# A file of which no byte came for so long is given up.
STALL_SECONDS = 60
# Room that must be left: the text once on disk, and once more as rows in the database, which may share the disk.
ROOM = 2
NAME_BYTES = 200
PARTIAL, REJECTS = ".part", "rejects"
# An upload that a killed API process left behind.
ABANDONED_SECONDS = 86_400
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
NOT_PLAIN = re.compile(r"[\x00-\x1f\x7f]")


class Upload(NamedTuple):
    """A file that came in whole. `spooled`: where it lies, below the spool's folder."""

    run: str
    name: str
    sha256: str
    spooled: str


@dataclass
class Spool:
    """The folder of files handed in. `limit`: bytes of the largest one."""

    folder: Path
    limit: int
    _expected: list[int] = field(default_factory=list)

    async def receive(self, run: str, name: str, declared: int | None, stream: AsyncIterator[bytes]) -> Upload:
        """Write a stream to disk, synced, and return its place and hash; nothing is left of one that fails.

        `declared`: its length, where the sender told it. Raises TooLarge, StorageFull, QueueFull; UnreadableRequest
        when the sender goes away.
        """
        if declared is not None and declared > self.limit:
            raise self._too_large()
        if len(self._expected) >= MOST_UPLOADS:
            raise QueueFull(f"{MOST_UPLOADS} files are coming in already. Send this one later.")
        await run_sync(self._admit, declared or 0)
        self._expected.append(declared or 0)
        part = self.folder / f"{run}{PARTIAL}"
        try:
            sha256 = await self._write(part / name, stream)
            await run_sync(_keep, part, self.folder / run)
        except TimeoutError as stalled:
            raise UnreadableRequest(f"No byte of the body came for {STALL_SECONDS} s.") from stalled
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise StorageFull("The disk filled up while the file came in. Nothing of it is kept.") from error
        except ClientDisconnect as gone:
            raise UnreadableRequest("The body ended before its end.") from gone
        finally:
            self._expected.remove(declared or 0)
            with anyio.CancelScope(shield=True):
                await run_sync(partial(shutil.rmtree, part, ignore_errors=True))
        return Upload(run, name, sha256, f"{run}/{name}")

    def remove(self, run: str) -> None:
        """Forget the file of a run."""
        shutil.rmtree(self.folder / run, ignore_errors=True)

    @property
    def rejects(self) -> Path:
        """The folder of files of rejected lines."""
        return self.folder / REJECTS

    def runs(self) -> list[str]:
        """Runs whose file lies here."""
        with suppress(FileNotFoundError):
            return [path.name for path in self.folder.iterdir() if path.name != REJECTS and path.suffix != PARTIAL]
        return []

    def sweep(self, keep_days: int) -> None:
        """Remove uploads that a killed process left half, and rejects that are older than `keep_days`."""
        now = time.time()
        for path in self.folder.glob(f"*{PARTIAL}"):
            if now - _newest(path) > ABANDONED_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
        for path in self.rejects.glob("*"):
            if now - path.stat().st_mtime > keep_days * 86_400:
                path.unlink(missing_ok=True)

    def _admit(self, declared: int) -> None:
        self.folder.mkdir(0o700, parents=True, exist_ok=True)
        wanted = ROOM * (declared + sum(self._expected))
        if shutil.disk_usage(self.folder).free < wanted:
            raise StorageFull(f"The file and its rows take up to {wanted} bytes, which the disk has not.")

    async def _write(self, path: Path, stream: AsyncIterator[bytes]) -> str:
        digest = hashlib.sha256()
        size = 0
        waiting = bytearray()
        file = await run_sync(_created, path)
        try:
            while data := await _next(stream):
                size += len(data)
                if size > self.limit:
                    raise self._too_large()
                waiting += data
                if len(waiting) >= BLOCK:
                    await run_sync(_append, file, digest, bytes(waiting))
                    waiting.clear()
            await run_sync(_append, file, digest, bytes(waiting))
            await run_sync(os.fsync, file)
        finally:
            os.close(file)
        return digest.hexdigest()

    def _too_large(self) -> TooLarge:
        return TooLarge(f"A file may have {self.limit} bytes. Compress it (zip or gzip).")


def file_name(given: str) -> str:
    """A name that is safe in a folder: its last part alone, without control characters, bounded."""
    last = NOT_PLAIN.sub("_", re.split(r"[/\\]", given)[-1]).strip(". ")
    return last.encode(errors="replace")[:NAME_BYTES].decode(errors="ignore") or "upload"


async def _next(stream: AsyncIterator[bytes]) -> bytes:
    """The next bytes, none at the end. Raises TimeoutError."""
    with anyio.fail_after(STALL_SECONDS):
        async for data in stream:
            if data:
                return data
    return b""


def _created(path: Path) -> int:
    path.parent.mkdir(0o700)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _append(file: int, digest: "hashlib._Hash", data: bytes) -> None:
    digest.update(data)
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _keep(part: Path, place: Path) -> None:
    """Give the file its name for good, and have both outlive a loss of power."""
    _sync(part)
    part.rename(place)
    _sync(place.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _newest(folder: Path) -> float:
    return max((path.stat().st_mtime for path in (folder, *folder.glob("*"))), default=0.0)

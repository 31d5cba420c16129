"""One holder at a time: a lock file that the kernel frees when its holder dies, however it dies."""

import fcntl
import os
import time
from pathlib import Path
from typing import Self

from app.console import Refused


class InUse(Refused):
    """Another process holds the directory."""


class Lock:
    """An exclusive `flock` on one file, which names its holder's process id for people. A context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """By this object."""
        return self._descriptor is not None

    def acquire(self, *, patience: float = 0.0) -> Self:
        """Take the lock, waiting at most `patience` seconds. Raises InUse."""
        descriptor = _opened(self.path)
        deadline = time.monotonic() + patience
        while not _taken(descriptor):
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
                os.close(descriptor)
                raise InUse(
                    f"{self.path.parent} is in use by process {holder or 'unknown'}: stop it, "
                    "or choose another data directory",
                    "data_dir.in_use",
                )
            time.sleep(0.05)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        self._descriptor = descriptor
        return self

    def release(self) -> None:
        """Let the next one in. The file stays: removing it would let two holders lock two files of one name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self if self.is_held else self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def is_locked(path: Path) -> bool:
    """Whether a living process holds the lock file at this moment."""
    if not path.exists():
        return False
    descriptor = _opened(path)
    try:
        return not _taken(descriptor)
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError as error:
        raise Refused(
            f"{path} belongs to another user: start annuaire as the one who made {path.parent}", "data_dir.forbidden"
        ) from error


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

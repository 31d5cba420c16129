"""The directory of one test process, and those that killed processes left."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Not the directory that pytest makes: root's is closed to the engines' account, and its path is too long for sockets.
DISK = Path("/tmp")  # noqa: S108 - each directory in it is made by mkdtemp
# Where it has room: a database of some test's own is there within 0.08 s instead of 0.6 s on a busy disk.
MEMORY = Path("/dev/shm")  # noqa: S108 - likewise
MEMORY_NEEDED = 6 << 30
PREFIX = "annuaire-test-"
NAME = re.compile(rf"{PREFIX}([0-9]+)-.+")


@contextmanager
def directory(*, on_disk: bool = False) -> Iterator[Path]:
    """A fresh directory that others may enter but not list. Removed at the end.

    It lies in memory where there is room; `on_disk` is for what measures, and for what is too large.
    """
    base = DISK if on_disk or not _has_room() else MEMORY
    _sweep(base)
    path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=base))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def _has_room() -> bool:
    return MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED and os.access(MEMORY, os.W_OK | os.X_OK)


def _sweep(base: Path) -> None:
    for path in base.glob(f"{PREFIX}*"):
        name = NAME.fullmatch(path.name)
        # Another test process may sweep at the same moment.
        with suppress(FileNotFoundError):
            if name and path.stat().st_uid == os.geteuid() and not Path(f"/proc/{name[1]}").exists():
                shutil.rmtree(path, ignore_errors=True)

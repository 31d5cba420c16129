"""The directory of one test process, and those that killed processes left."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Not the directory that pytest makes: root's is closed to the engines' account, and its path is too long for sockets.
BASE = Path("/tmp")  # noqa: S108 - each directory in it is made by mkdtemp
PREFIX = "annuaire-test-"
NAME = re.compile(rf"{PREFIX}([0-9]+)-.+")


@contextmanager
def directory() -> Iterator[Path]:
    """A fresh directory that others may enter but not list. Removed at the end."""
    _sweep()
    path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=BASE))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def _sweep() -> None:
    for path in BASE.glob(f"{PREFIX}*"):
        name = NAME.fullmatch(path.name)
        # Another test process may sweep at the same moment.
        with suppress(FileNotFoundError):
            if name and path.stat().st_uid == os.geteuid() and not Path(f"/proc/{name[1]}").exists():
                shutil.rmtree(path, ignore_errors=True)

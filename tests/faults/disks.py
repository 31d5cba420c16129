"""Disks that are full: small ones in memory, which only root may mount."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.directory import directory

BLOCK = bytes(1 << 16)


@dataclass(frozen=True)
class Disk:
    """A disk of its own, mounted at `folder`."""

    folder: Path

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self, leave: int = 0) -> None:
        """Take all of its room but so many bytes."""
        with self._filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(BLOCK)
            except OSError:
                file.truncate(max(0, file.tell() - leave))

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink()

    def grow(self, size: str) -> None:
        """Make the disk larger, as it is used."""
        assert _mount("-o", f"remount,size={size}", self.folder).returncode == 0

    def place(self, name: str, like: Path) -> Path:
        """A folder on it that belongs to the owner of another."""
        folder, owner = self.folder / name, like.stat()
        folder.mkdir(0o700)
        os.chown(folder, owner.st_uid, owner.st_gid)
        self.folder.chmod(0o711)
        return folder


@contextmanager
def small_disk(size: str) -> Iterator[Disk]:
    """A disk of this size; the test is skipped where none can be mounted."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    with directory() as folder:
        answer = _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
        if answer.returncode != 0:
            pytest.skip(f"no small disk can be mounted here: {answer.stderr.strip()}")
        try:
            yield Disk(folder)
        finally:
            subprocess.run(["umount", str(folder)], check=True)


def _mount(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)

"""The wheel of a release, built twice in two places: equal byte for byte, or there is none.

Whoever builds the same commit with the locked tools gets the same file, so that a wheel can be held against its source.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from release.locked import UV


class NotReproducible(Exception):
    """Two builds of the same files differ: something of the place or the hour went into the wheel."""


def build(sources: Path, out: Path, at: datetime) -> Path:
    """Build the wheel of the source tree `sources` into `out`, every file in it dated `at`. Returns its path.

    The build runs with the locked tools of this environment and asks no registry. Raises NotReproducible, and
    subprocess.CalledProcessError, whose tool has said why.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as there, tempfile.TemporaryDirectory(prefix="another-place-") as elsewhere:
        first = _built(sources, Path(there), at)
        copy = Path(elsewhere) / "copy"
        shutil.copytree(sources, copy, copy_function=shutil.copy, ignore=shutil.ignore_patterns(".git", ".venv"))
        second = _built(copy, Path(elsewhere) / "out", at)
        if sha256(first) != sha256(second):
            raise NotReproducible(f"{sha256(first)} and {sha256(second)}")
        return shutil.copyfile(first, out / first.name)


def sha256(path: Path) -> str:
    """Hash of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _built(sources: Path, out: Path, at: datetime) -> Path:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(int(at.timestamp()))}
    command = [UV, "build", "--wheel", "--quiet", "--offline", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*command, "--out-dir", str(out), str(sources)], check=True, env=environment)  # noqa: S603 - ours
    (wheel,) = out.glob("*.whl")
    return wheel

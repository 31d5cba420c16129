"""`make release`: what is handed on of a commit, in dist/: wheel, bill of materials, SHA256SUMS.

Made of the commit as git has it, never of the work tree; with changes that are not committed there is no release.
"""

import argparse
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from release import ROOT
from release.sbom import materials
from release.wheel import build, sha256

SUMS = "SHA256SUMS"


def make(sources: Path, out: Path, at: datetime) -> list[Path]:
    """Wheel, bill of materials and their sums, of a source tree whose last change is of `at`. Returns the files."""
    wheel = build(sources, out, at)
    bill = out / f"{wheel.name.removesuffix('.whl')}.cdx.json"
    bill.write_text(json.dumps(materials(sources, wheel, at), indent=1, ensure_ascii=False) + "\n", "utf-8")
    sums = out / SUMS
    sums.write_text("".join(f"{sha256(file)}  {file.name}\n" for file in (bill, wheel)), "utf-8")
    return [wheel, bill, sums]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code: 0, or 2 when something is not committed."""
    parser = argparse.ArgumentParser(prog="release", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    given = parser.parse_args(arguments)
    changed = _git("status", "--porcelain").decode()
    if changed:
        print(f"release: these are not committed, so nothing is released:\n{changed}", end="", file=sys.stderr)
        return 2
    at = datetime.fromtimestamp(int(_git("log", "-1", "--format=%ct")), UTC)
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=BytesIO(_git("archive", "HEAD"))) as archive:
            archive.extractall(folder, filter="data")
        for file in make(Path(folder), given.out, at):
            print(f"{sha256(file)}  {file}")
    return 0


def _git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *words], stdout=subprocess.PIPE, check=True).stdout  # noqa: S603, S607


if __name__ == "__main__":
    sys.exit(main())

"""Commands of annuaire as processes of their own, which can be killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from app.settings import PREFIX
from tests.harness.database import Database

PATIENCE = 120.0
# The code of this tree. Another folder may hold other code, or migrations alone, which then go first.
CODE = Path(__file__).parents[2]
# Whoever kills a process must read its words from a file: a pipe may be full.
Process = subprocess.Popen[bytes]


def started(database: Database, folder: Path, *arguments: str | Path, **more: str) -> AbstractContextManager[Process]:
    """One command, as `started_from` the code of this tree."""
    return started_from(CODE, database, folder, *arguments, **more)


@contextmanager
def started_from(
    code: Path, database: Database, folder: Path, *arguments: str | Path, **more: str
) -> Iterator[Process]:
    """One command of this `code`, killed at the end if it still runs. Its words are in `words` of the folder.

    `more`: further settings.
    """
    folders = {"spool_dir": str(folder / "spool"), "snapshot_dir": str(folder / "snapshots")}
    given = {"database_url": database.dsn, "ldap_enabled": "false", **folders, **more}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment |= {f"{PREFIX}{name.upper()}": value for name, value in given.items()}
    with (folder / "words").open("ab") as words:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", *map(str, arguments)],
            cwd=code,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE)


def kill(process: Process) -> None:
    """kill -9, and nothing of it is left."""
    process.kill()
    assert process.wait(PATIENCE) == -signal.SIGKILL


def done(database: Database, folder: Path, *arguments: str | Path, code: Path = CODE) -> int:
    """The exit code of a command that runs to its end."""
    with started_from(code, database, folder, *arguments) as process:
        return process.wait(PATIENCE)


def words(folder: Path) -> str:
    """What the commands of this folder said."""
    return (folder / "words").read_text("utf-8", "replace")

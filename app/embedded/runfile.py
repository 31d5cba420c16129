"""DIR/run.json: where the parts of a running `annuaire up` are reached. Private: the database has no password."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from app.console import Refused
from app.embedded.lock import is_locked

NAME = "run.json"
LOCK = "lock"


class NothingRuns(Refused):
    """No `annuaire up` runs in this data directory."""


@dataclass(frozen=True, slots=True)
class Run:
    """`pid` is the supervisor's; `ldap` is where everybody reads, `ldapi` where the exporter writes."""

    pid: int
    state: Literal["starting", "ready"]
    data_dir: str
    api: str
    ldap: str
    ldapi: str
    ldap_suffix: str
    database_url: str
    socket_dir: str

    def ready(self) -> dict[str, str]:
        """What the READY line tells."""
        return {"api": self.api, "ldap": self.ldap, "data_dir": self.data_dir, "database_url": self.database_url}


def write_run(data_dir: Path, run: Run) -> None:
    """Replace the file at once: a reader sees the old or the new one."""
    partial = data_dir / f"{NAME}.partial"
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(run), file, indent=2)
        file.write("\n")
    partial.replace(data_dir / NAME)


def remove_run(data_dir: Path) -> None:
    (data_dir / NAME).unlink(missing_ok=True)


def read_run(data_dir: Path) -> Run:
    """The running `annuaire up` of this directory. Raises NothingRuns, or Refused when it is another user's."""
    folder = data_dir.expanduser().absolute()
    try:
        text = (folder / NAME).read_text(encoding="utf-8") if is_locked(folder / LOCK) else ""
    except FileNotFoundError:
        text = ""
    except PermissionError as error:
        raise Refused(
            f"{folder} belongs to another user: run this as the one who started annuaire up", "data_dir.forbidden"
        ) from error
    if not text:
        raise NothingRuns(
            f"no annuaire up runs in {folder}: start it with annuaire up --data-dir {folder}", "data_dir.idle"
        )
    return Run(**json.loads(text))

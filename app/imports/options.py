"""How an import is asked for."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from app.console import Advance, progress

Progress = Callable[[str, int | None], AbstractContextManager[Advance]]


@dataclass(frozen=True)
class Options:
    """How to import. `rejects`: the folder for files of rejected lines; `accepted`: names of guards not to heed.

    `by`: who asks, the id of a key or the account of a command. `is_known_key`: whether it is an admin's key.
    """

    rejects: Path
    accepted: frozenset[str] = frozenset()
    by: str = "command line"
    is_known_key: bool = False
    dry_run: bool = False
    wait: bool = True
    progress: Progress = progress

"""A child that is one of our own commands: `annuaire serve`, `annuaire worker`, or one that runs to its end."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.embedded import process

# Every child carries its data directory in the environment: a next start finds those that outlived a killed supervisor.
SUPERVISED = "SUPERVISED_BY_ANNUAIRE_UP"


class Command:
    """`name` is for people; `arguments` follow `annuaire`. SIGTERM stops it, force after `patience` seconds."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path | None = None,
        patience: float = 20.0,
    ) -> None:
        self.name = name
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None
        # -P: a folder `app` where we happen to be started must not be taken for ours.
        self._command = [sys.executable, "-P", "-m", "app.cli", *arguments]
        self._environment = environment
        self._patience = patience

    @property
    def log(self) -> Path:
        """Where a server writes; a command that runs to its end is heard on our stderr."""
        return self._log or Path("/dev/stderr")

    def start(self) -> None:
        self.process = process.spawn(
            self._command, log=self._log, death_signal=signal.SIGTERM, environment=self._environment
        )

    def stop(self) -> None:
        """Safe to call when nothing runs."""
        if self.process is not None:
            process.stop(self.process, ((signal.SIGTERM, self._patience),))
            self.process = None

"""The parts of an installation as processes that can be killed: forked from one that has loaded everything."""

import multiprocessing
import os
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import uvicorn

from app import logs
from app.db import connect
from app.imports.guards import NAMES
from app.imports.options import Options
from app.imports.pipeline import import_files
from app.main import create_app
from app.settings import Settings
from app.transfers.clock import settle_due

PATIENCE = 60.0
# Without it each API would load its modules anew, which takes longer than all else that a test does.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


class Child:
    """A process of ours, until it is killed."""

    def __init__(self, function: Callable[..., None], *arguments: Any) -> None:
        self._process: BaseProcess = CONTEXT.Process(target=_run, args=(function, *arguments), daemon=True)
        self._process.start()

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def kill(self) -> None:
        """kill -9, and nothing of it is left."""
        self._process.kill()
        self._process.join(PATIENCE)
        assert not self._process.is_alive()
        self._process.close()

    def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        self._process.join(PATIENCE)
        code = self._process.exitcode
        self.kill()
        assert code is not None
        return code


def serve(settings: Settings, socket: Path) -> None:
    """The API, on a unix socket."""
    uvicorn.run(
        create_app(settings), uds=str(socket), loop="uvloop", http="httptools", access_log=False, log_level="error"
    )


def import_file(settings: Settings, path: Path) -> None:
    """`annuaire import run`, every guard accepted."""
    logs.configure("error")
    import_files(settings, [path], Options(path.parent / "rejects", frozenset(NAMES)))


def settle(settings: Settings) -> None:
    """What the worker's clock does of transfers whose hour has come."""
    logs.configure("error")
    with connect(settings, autocommit=True) as connection:
        settle_due(connection, settings)


def _run(function: Callable[..., None], *arguments: Any) -> None:
    # What it says is not the test's to show.
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, suppress(KeyboardInterrupt):
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        function(*arguments)

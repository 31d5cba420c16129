"""`annuaire serve`: the API in this process, or in several that share one socket under a supervisor of uvicorn's.

    supervisor ─ binds the socket ─► worker 1 … N, each accepts by itself, with pools of its own

Counters of all workers are kept in files of a directory that the supervisor makes, so that whichever answers /metrics
tells the sum (`app.metrics`). A worker that dies is started again. Budgets are counted in the database; the rate of a
caller each worker counts for itself (`app.budgets.rate`).
"""

import gc
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from app.http_protocol import JoinedWrites
from app.metrics.process import SHARED_COUNTERS
from app.settings import Settings

GRACEFUL_SECONDS = 10
# A worker says nothing while it imports the app: given up sooner, it would be started for ever on a busy machine.
STARTING_SECONDS = 60


def serve(settings: Settings, host: str, port: int, unix_socket: Path | None) -> None:
    """Until stopped by a signal. The pepper must be there: each worker would fail again and again without."""
    if settings.workers == 1:
        uvicorn.run(_app(settings), **_options(host, port, unix_socket))
        return
    config = uvicorn.Config(
        partial(_app, settings),
        factory=True,
        workers=settings.workers,
        timeout_worker_healthcheck=STARTING_SECONDS,
        **_options(host, port, unix_socket),
    )
    with _shared_counters(), config.bind_socket() as listener:
        Multiprocess(config, sockets=[listener]).run()
    if unix_socket:
        unix_socket.unlink(missing_ok=True)


def _app(settings: Settings) -> FastAPI:
    """The app, whose own objects the garbage collector leaves alone from now on: they stay as long as the process does.

    Looking through all of them took it 120 ms, more than once a second under load, and held every request up.
    """
    from app.main import create_app  # noqa: PLC0415 - the supervisor of several needs none of it

    app = create_app(settings)
    gc.collect()
    gc.freeze()
    return app


def _options(host: str, port: int, unix_socket: Path | None) -> dict[str, Any]:
    return {
        "host": host,
        "port": port,
        "uds": str(unix_socket) if unix_socket else None,
        # The peer must stay the peer: whom a header names is judged by app.access.proxy.
        "proxy_headers": False,
        "loop": "uvloop",
        "http": JoinedWrites,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": GRACEFUL_SECONDS,
    }


@contextmanager
def _shared_counters() -> Iterator[None]:
    """Workers find the directory in their environment, as prometheus_client wants it, before they import anything."""
    with tempfile.TemporaryDirectory(prefix="annuaire-metrics-") as folder:
        os.environ[SHARED_COUNTERS] = folder
        try:
            yield
        finally:
            del os.environ[SHARED_COUNTERS]

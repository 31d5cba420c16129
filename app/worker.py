"""The worker: drain, LDAP sync, imports that REST asked for, transfers, digest, duties: each a loop in a thread.

It begins on a schema that serves its code, and ends when an upgrade leaves it behind.
"""

import threading
import time
from collections.abc import Callable
from functools import partial

import psycopg
import structlog

from app.db import connect, is_passing
from app.duties import loop as duties
from app.duties.catalogue import DUTIES
from app.faults import fault
from app.imports import queue
from app.ldap import sync, watch
from app.publication import digest_keeping, drain, snapshot_clock
from app.push import loop as push
from app.schema.standing import require_served
from app.settings import Settings
from app.transfers import clock

logger = structlog.get_logger(__name__)

# A loop that lost its server comes back after 0.1 s, then ever later, at most every 10 s, while the worker lives; one
# that ran for longer than that begins anew.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
# How long a worker may still be at work on a schema that does not serve it.
SCHEMA_SECONDS = 2.0


def run(settings: Settings, stop: threading.Event) -> None:
    """Run the loops until `stop` is set. A programming error in a loop ends the worker; a lost server does not.

    Raises Refused (schema.unknown, schema.older) at once, or when it is noticed: the schema does not serve this code.
    """
    failures: list[BaseException] = []
    served = threading.Event()
    loops: dict[str, Callable[[Settings, threading.Event], None]] = {
        "drain": drain.run,
        "imports": queue.run,
        "clock": clock.run,
        "snapshots": snapshot_clock.run,
        "digest": digest_keeping.run,
        "push": push.run,
        "duties": partial(duties.run, duties=DUTIES),
    }
    if settings.ldap_enabled:
        loops["ldap"] = sync.run
        loops["ldap watch"] = watch.run
    schema, *threads = [
        threading.Thread(target=_kept_alive, args=(name, loop, settings, stop, failures), name=name)
        for name, loop in {"schema": partial(_watch_schema, served), **loops}.items()
    ]
    schema.start()
    while not (served.wait(FIRST_PAUSE) or stop.is_set()):
        pass
    for thread in threads:
        thread.start()
    for thread in (schema, *threads):
        thread.join()
    if failures:
        raise failures[0]


def _watch_schema(served: threading.Event, settings: Settings, stop: threading.Event) -> None:
    with connect(settings, autocommit=True) as connection:
        while not stop.is_set():
            require_served(connection)
            served.set()
            stop.wait(SCHEMA_SECONDS)


def _kept_alive(
    name: str,
    loop: Callable[[Settings, threading.Event], None],
    settings: Settings,
    stop: threading.Event,
    failures: list[BaseException],
) -> None:
    # The context is this thread's own: each of its lines says whose it is.
    structlog.contextvars.bind_contextvars(loop=name)
    pause = FIRST_PAUSE
    while not stop.is_set():
        started = time.monotonic()
        try:
            loop(settings, stop)
        except (psycopg.Error, OSError) as error:
            if isinstance(error, psycopg.Error) and not is_passing(error):
                failures.append(error)
                stop.set()
                break
            if time.monotonic() - started > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            logger.warning("loop lost its server, trying again", error=fault(error), pause_s=pause)
            stop.wait(pause)
            pause = min(LONGEST_PAUSE, pause * 2)
        except BaseException as error:  # noqa: BLE001 - handed to the caller of run(), which raises it
            failures.append(error)
            stop.set()

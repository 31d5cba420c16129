"""Tasks shared out among a few connections of their own, as the first publication is built (app.publication.bulk)."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from app.db import connect
from app.settings import Settings

WORKERS = 2
# An index is sorted in memory; both cores are busy already; one portion of documents fits in memory.
WORKER = """
SET maintenance_work_mem = '512MB'; SET max_parallel_maintenance_workers = 0;
SET max_parallel_workers_per_gather = 0; SET work_mem = '64MB'
"""
Connection = psycopg.Connection[Any]
# Told a number of documents: what was done, or what is left.
Progress = Callable[[int], None]
# Returns how many documents it made.
Task = Callable[[Connection], int]


def work(settings: Settings, tasks: Sequence[Task], done: Progress) -> None:
    """Do these tasks on WORKERS connections; `done` is told what each returned, by several threads.

    Raises what the first failing task raised, when all have stopped.
    """
    waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)
    faults: list[BaseException] = []

    def take() -> None:
        try:
            with connect(settings, autocommit=True) as connection:
                connection.execute(WORKER.encode())
                while not faults:
                    done(waiting.get_nowait()(connection))
        except queue.Empty:
            return
        except BaseException as fault:  # noqa: BLE001 - raised again by the one who waits
            faults.append(fault)

    workers = [threading.Thread(target=take, name=f"publisher-{number}") for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if faults:
        raise faults[0]


def counting_down(progress: Progress | None, total: int, portion: int) -> Progress:
    """Tells `progress` what is left of `total`, one call at a time; a task that made nothing counts as a portion."""
    left = total
    lock = threading.Lock()

    def done(count: int) -> None:
        nonlocal left
        with lock:
            left = max(0, left - (count or portion))
            if progress:
                progress(left)

    return done

"""Threads that work beside a test until it has seen enough."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def at_work(work: Callable[[int], None], count: int, stop: threading.Event) -> Iterator[None]:
    """`count` threads, each with its number, that look at `stop`, which is set at the end; then all are waited for."""
    stop.clear()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()

"""The texts of one command, each read while the one before is planned and applied.

Reading takes Python's time, planning and applying takes PostgreSQL's: side by side they keep both cores at work.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import psycopg

from app.imports import runs
from app.imports.inputs import Input, source_of
from app.imports.options import Options
from app.imports.planning import Draft, read_input
from app.imports.session import session
from app.settings import Settings

CANCEL_SECONDS = 10.0
# So many texts at most lie read: their tables take room.
AHEAD = 2
Connection = psycopg.Connection[Any]


def drafts(connection: Connection, settings: Settings, options: Options, inputs: Sequence[Input]) -> Iterator[Draft]:
    """Each text, read. While the caller works on one, the next are read on a connection of their own.

    The caller ends its work on a draft before it asks for the next. What the reader raises is raised here.
    """
    coming = deque(inputs)
    read: deque[tuple[Input, Future[Draft]]] = deque()
    with session(settings) as beside, ThreadPoolExecutor(1, "read-ahead") as reader:
        try:
            while read or coming:
                if read:
                    each, future = read.popleft()
                    draft = future.result()
                else:
                    each = coming.popleft()
                    draft = read_input(connection, options, each, _new_run(each))
                while coming and len(read) < AHEAD and _is_independent(coming[0], [each, *(one for one, _ in read)]):
                    following = coming.popleft()
                    future = reader.submit(
                        copy_context().run, read_input, beside, options, following, _new_run(following)
                    )
                    read.append((following, future))
                yield draft
        finally:
            reader.shutdown(wait=False, cancel_futures=True)
            if any(not future.done() for _, future in read):
                beside.cancel_safe(timeout=CANCEL_SECONDS)


def _new_run(each: Input) -> str:
    return runs.new_run(source_of(each))


def _is_independent(each: Input, before: Sequence[Input]) -> bool:
    """Whether a text reads the same before and after others were applied.

    Two files of a source are compared one with the other; what an admin writes by hand is judged by the registry.
    """
    return (
        each.layout is not None
        and not each.layout.source.is_partial
        and source_of(each) not in {source_of(one) for one in before}
    )

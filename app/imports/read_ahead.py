"""The texts of one command, each read while the one before is planned and applied.

Reading takes Python's time, planning and applying takes PostgreSQL's: side by side they keep both cores at work.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg

from app.imports import runs
from app.imports.inputs import Input, source_of
from app.imports.options import Options
from app.imports.planning import Draft, read_input
from app.imports.session import session
from app.settings import Settings

CANCEL_SECONDS = 10.0
Connection = psycopg.Connection[Any]


def drafts(connection: Connection, settings: Settings, options: Options, inputs: Sequence[Input]) -> Iterator[Draft]:
    """Each text, read. While the caller works on one, the next is read on a connection of its own.

    The caller ends its work on a draft before it asks for the next. What a reader raises is raised here.
    """
    with session(settings) as beside, ThreadPoolExecutor(1, "read-ahead") as reader:
        following: Future[Draft] | None = None
        try:
            for place, each in enumerate(inputs):
                draft = following.result() if following else read_input(connection, options, each, _new_run(each))
                following = None
                if place + 1 < len(inputs) and _is_independent(inputs[place + 1], each):
                    following = reader.submit(
                        read_input, beside, options, inputs[place + 1], _new_run(inputs[place + 1])
                    )
                yield draft
        finally:
            if following and not following.done():
                beside.cancel_safe(timeout=CANCEL_SECONDS)


def _new_run(each: Input) -> str:
    return runs.new_run(source_of(each))


def _is_independent(each: Input, before: Input) -> bool:
    """Whether a text reads the same before and after another one was applied.

    Two files of a source are compared one with the other; what an admin writes by hand is judged by the registry.
    """
    return each.layout is not None and not each.layout.source.is_partial and source_of(each) != source_of(before)

"""What a look finds: whether it is well, what was seen, and what to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.db import connect
from app.metrics.measured import Watched
from app.metrics.reading import parameters
from app.settings import Settings

PATIENCE = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `ok` is None for what is only good to know; `remedy`: what to do where it is not True."""

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""


class Seen(NamedTuple):
    """What a look answers: a finding without its name."""

    ok: bool | None
    detail: str
    remedy: str = ""


Look = Callable[[Settings], Seen]
Looks = Mapping[str, Look]


def well(detail: str) -> Seen:
    return Seen(True, detail)


def note(detail: str, remedy: str) -> Seen:
    """Good to know; whoever wants it otherwise does what the remedy says."""
    return Seen(None, detail, remedy)


def wrong(detail: str, remedy: str) -> Seen:
    return Seen(False, detail, remedy)


def value(settings: Settings, statement: str) -> Any:
    """The first value of a statement's first row; None without a row. Raises psycopg.Error."""
    with connect(settings) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else None


def measured(settings: Settings, subject: Watched) -> Any:
    """What the metrics read of a subject. Raises psycopg.Error."""
    with connect(settings) as connection:
        row = connection.execute(subject.sql.encode(), parameters(settings)).fetchone()
    return row[0] if row else None

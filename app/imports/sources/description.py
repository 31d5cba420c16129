"""What the import engine needs to know of a national source: its columns and its SQL."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Column:
    """A column of ours (`field`) and the labels, normalised, under which files carry it."""

    field: str
    labels: tuple[str, ...]
    required: bool = False


class Label(NamedTuple):
    """The field that prints the label of a code: kept where no code system knows the code."""

    value_set: str
    code: str
    label: str


@dataclass(frozen=True)
class Source:
    """A national source as the engine drives it; `rank` is the order in which the files of one command are applied."""

    name: str
    rank: int
    columns: tuple[Column, ...]
    reject: str
    plan: str
    apply: str
    counted_kind: str
    asserted: str
    labels: tuple[Label, ...] = ()

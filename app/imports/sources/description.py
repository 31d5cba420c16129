"""What the import engine needs to know of a national source: its columns and its SQL.

The engine stages a file in `stage(line integer, <field> text …)`, empty cells as NULL, and runs the texts below on that
one connection. Before `reject` it makes the temporary tables `stage_missing(field)`, which names the fields that the
file has no column for (unknown, not empty), and `import_stage_reject(line, "column", code, detail)`; before `plan` the
table `plan(kind, key, action)`. `plan` and `apply` run in one transaction.
"""

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
    """A national source as the engine drives it; `rank` is the order in which the files of one command are applied.

    `reject` names staged lines that cannot be used, at most once each, with the field at fault as "column"; the engine
    takes them out of `stage`. `plan` builds the new state, fills `plan` (actions create, update, close, same) and the
    temporary table `plan_warning(code, entities)`; the report counts the rows of `counted_kind`. `apply` writes the
    registry and leaves marks in `pending`; its only placeholder is %(run)s. `asserted` is a scalar: how many entities
    of `counted_kind` the source asserts now, the base of the shrink guard.
    """

    name: str
    rank: int
    columns: tuple[Column, ...]
    reject: str
    plan: str
    apply: str
    counted_kind: str
    asserted: str
    labels: tuple[Label, ...] = ()

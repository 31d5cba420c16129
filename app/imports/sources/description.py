"""What the import engine needs to know of a source: the columns of its files, and the registry tables it writes.

The engine works in a schema of the run's own. It stages the lines in `stage(line integer, digest bigint, <field>
text …)`, cells without outer spaces and with single spaces inside, empty ones as NULL, and runs `reject`, which
names staged
lines that cannot be used in `import_stage_reject(line, "column", code, detail)`.

Then `state` makes, for each target, the table `new_<table>`: the rows that the file states, under the names of the
registry's columns. It reads one table for each entity of the source, `stage_<entity>(key, <field> …)`: all current
lines of every entity that the file touches, so that what a file says of somebody never depends on yesterday's file.
`stage_missing(field)` names the fields that the file has no column for (unknown, not empty). `state` may leave
`plan_warning(code, entities)` rows, which the engine makes beforehand.

The engine compares each `new_<table>` with the registry, row by row, keeps the differences, and applies and undoes
them.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

# The parts of a postal address that the world sees, under the names of the registry's columns.
ADDRESS = (
    "recipient",
    "building",
    "number",
    "repetition",
    "street_type",
    "street",
    "distribution",
    "postal_code",
    "city",
    "department",
    "country",
)


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


class Entity(NamedTuple):
    """What lines speak of: `key` is an SQL expression over the cells of a line, null where a line names none.

    `cells`: all that a line says of it, when that is not the whole line. A line that changed elsewhere leaves it alone.
    """

    name: str
    key: str
    cells: tuple[str, ...] = ()


class Mark(NamedTuple):
    """Whose document may change with a row: a kind of `pending`, and the column that holds its key."""

    kind: str
    column: str


@dataclass(frozen=True)
class Target:
    """A registry table that a source writes.

    `key` tells rows apart (`nullable` columns of it may be null, a value of its own), `fields` are what the world
    can see of a row, `notes` what nobody sees: a row that differs in notes alone is written and marks no document.
    `stamped`: the column that holds when a row last changed. `constants` are written with every
    row; those in the key say which rows of the table are the source's own.

    A row that the file does not name leaves as `closing` says, if `scope` holds for it: None, it stays; `{}`, it is
    deleted; else these columns take these values. `stated`: which rows the source states now, if not those of `scope`.
    `scope`, `stated` and `present` are conditions over the registry row `t`; a row
    that is not `present` counts as created when the file names it again. `entity`: the entity of the lines it comes
    from and the column that holds its key. `marks`: whose documents may change with a row, if not that entity's;
    `freed`: whose change besides when a row leaves, since nothing leads to them any more.
    `is_missing`: the new table holds only rows that the registry lacks; those that it has are not the source's.
    """

    table: str
    key: tuple[str, ...]
    entity: Mark
    fields: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    constants: dict[str, str] = field(default_factory=dict)
    closing: dict[str, str] | None = None
    scope: str = "true"
    stated: str | None = None
    present: str = "true"
    is_missing: bool = False
    nullable: tuple[str, ...] = ()
    stamped: str | None = None
    marks: tuple[Mark, ...] | None = None
    freed: tuple[Mark, ...] = ()

    @property
    def seen_at(self) -> tuple[Mark, ...]:
        """Whose documents may change with a row."""
        return (self.entity,) if self.marks is None else self.marks

    @property
    def new(self) -> str:
        """The table that holds its rows as the file states them."""
        return f"new_{self.table}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of `new_<table>`."""
        return (*(column for column in self.key if column not in self.constants), *self.fields, *self.notes)


@dataclass(frozen=True)
class Source:
    """A national source as the engine drives it; `rank` is the order in which the files of one command are applied.

    `targets` in the order of their references, parents first. The report counts the entities of `counted`, the rows
    of its target when `counts_rows`. `lines_kept`: whether lines are remembered, so that tomorrow only those that
    changed are read closely; a source that states a part only (`is_partial`) closes nothing by silence. `is_rule`:
    that it was loaded changes what documents show, whatever its rows say.
    """

    name: str
    rank: int
    columns: tuple[Column, ...]
    entities: tuple[Entity, ...]
    reject: str
    state: str
    targets: tuple[Target, ...]
    counted: str
    counts_rows: bool = False
    lines_kept: bool = True
    is_partial: bool = False
    is_rule: bool = False
    labels: tuple[Label, ...] = ()

    @property
    def counted_target(self) -> Target:
        return next(target for target in self.targets if target.table == self.counted)

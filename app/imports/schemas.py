"""Runs of the import engine as REST shows them, and what its routes take."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.imports import guards
from app.paging import Total

RunId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z._-]{1,100}$")]
# The route refuses other names by one sentence that names them all.
GuardName = Annotated[
    str, StringConstraints(pattern=r"^[a-z_]{1,40}$"), Field(json_schema_extra={"enum": list(guards.NAMES)})
]
State = Literal["waiting", "running", "planned", "applied", "refused", "undone", "failed"]


class ApplyQuery(BaseModel):
    """Guards that are accepted by name. The receipt says by which key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accept_guard: list[GuardName] = Field([], max_length=50, description="A guard to accept; repeatable")


class UploadQuery(ApplyQuery):
    """What to do with the file."""

    name: str | None = Field(None, max_length=1_000, description="Name of the file, before that of Content-Disposition")
    apply: bool = Field(False, description="Apply the plan at once when no guard refuses it")


class Lines(BaseModel):
    """Lines of the file without its header: `read` = `accepted` + `rejected` + `blank`."""

    model_config = ConfigDict(extra="forbid")

    read: int
    accepted: int
    rejected: int
    blank: int


class Diff(BaseModel):
    """What the run would change or changed; mailboxes are counted by address."""

    model_config = ConfigDict(extra="forbid")

    create: int
    update: int
    close: int
    same: int


class GuardReport(BaseModel):
    """A guard that spoke, or why the whole file was refused; who accepted it, and when."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["shrink"])
    level: Literal["refuse", "warn"]
    detail: str
    accepted: bool = False
    by: str | None = None
    at: datetime | None = None


class Editions(BaseModel):
    """Editions of the directory: before the run, with it published, and with its undo published."""

    model_config = ConfigDict(extra="forbid")

    before: int | None
    after: int | None
    undone: int | None = None


class Progress(BaseModel):
    """How far the present phase is. `done` and `total` count bytes of the text, or marks to publish."""

    model_config = ConfigDict(extra="forbid")

    done: int
    total: int | None
    share: float | None = Field(description="0 to 1, where the total is known")
    rows_per_second: float


class Wish(BaseModel):
    """What the worker is asked to do with the run, and has not done yet."""

    model_config = ConfigDict(extra="forbid")

    do: Literal["plan", "apply", "undo"]
    by: str | None = Field(description="Id of the key that asks")
    accept_guards: list[str]


class Refusal(BaseModel):
    """Why the last wish was not granted; the run is as it was before it."""

    model_config = ConfigDict(extra="forbid")

    wish: Literal["plan", "apply", "undo"]
    code: str = Field(examples=["import.undo_refused"])
    detail: str


class Run(BaseModel):
    """One run of the import engine over one file: plan, report and receipt.

    While the worker has something to do with it, `state` is waiting or running; then it is how the run stands.
    """

    model_config = ConfigDict(extra="forbid")

    run: str
    runs: list[str] | None = Field(None, description="Runs of all texts of the same upload, when asked for one run")
    source: str
    state: State
    file: str
    sha256: str = Field(description="Of the file as it was handed in")
    stamp: str | None
    lines: Lines
    diff: Diff
    guards: list[GuardReport]
    warnings: dict[str, int]
    rejects: str | None = Field(description="Path of the file of rejected lines")
    edition: Editions
    mode: Literal["first", "full", "delta", "same"] | None
    stages: dict[str, float] = Field(description="Seconds of each stage")
    phase: str | None = Field(examples=["reading"])
    progress: Progress | None
    wish: Wish | None
    refusal: Refusal | None
    planned_by: str | None
    applied_by: str | None
    undone_by: str | None
    effective_at: datetime | None = Field(description="Hour at which the worker applies the plan of a white list")
    started_at: datetime
    applied_at: datetime | None
    undone_at: datetime | None
    finished_at: datetime | None


class RunPage(BaseModel):
    """A page of runs, newest first."""

    model_config = ConfigDict(extra="forbid")

    items: list[Run]
    next: str | None
    total: Total
    edition: int


class ChangeItem(BaseModel):
    """One registry row: the entity it belongs to, what becomes of it and why, its fields as [before, after]."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    key: str
    table: str
    action: Literal["create", "update", "close", "delete"]
    reason: str
    fields: dict[str, list[Any]]


class ChangePage(BaseModel):
    """A page of what a run would change or changed."""

    model_config = ConfigDict(extra="forbid")

    items: list[ChangeItem]
    next: str | None
    total: Total
    edition: int

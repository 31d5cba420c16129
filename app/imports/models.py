"""Import sources and runs: what was loaded, when, from which file, with which result."""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Double, ForeignKey, Identity, Index, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key, OptionalKey

Instant = TIMESTAMP(timezone=True)


class Source(Base):
    """A national source. `loaded` once a full file of it was applied: publication rules depend on it.

    `run` applied the last file, whose date is `stamp` (digits, YYYYMMDDhhmm), where the file or its name gives one. Of
    that file: `layout`, the columns in their order; `encoding`; `lines`, how many were accepted.
    """

    __tablename__ = "source"

    name: Mapped[Key] = mapped_column(primary_key=True)
    loaded: Mapped[bool] = mapped_column(server_default=text("false"))
    run: Mapped[OptionalKey] = mapped_column(ForeignKey("import_run.id"))
    stamp: Mapped[str | None]
    layout: Mapped[str | None]
    encoding: Mapped[str | None]
    lines: Mapped[int | None]


class ImportRun(Base):
    """One run of the import engine over one file: its plan, its report, and its receipt.

    `number` names it inside the database. The plan rests on `base`, the state of its source; `staged` lines lie in the
    run's schema, and `bulk` names the tables of which every row would be new. `mode`: first, full, delta or same.
    `wish` is what a worker is asked to do with it: plan the file in `spool`, apply or undo, for `wish_by`; not before
    `effective_at`, if that is set.
    """

    __tablename__ = "import_run"
    __table_args__ = (
        CheckConstraint(
            "state IN ('planned', 'applied', 'refused', 'undone', 'failed', 'waiting', 'running')", name="state"
        ),
        CheckConstraint("lines_read = lines_accepted + lines_rejected + lines_blank", name="lines"),
    )

    id: Mapped[Key] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Identity(always=True), unique=True)
    source: Mapped[Key]
    file_name: Mapped[str]
    file_sha256: Mapped[str]
    stamp: Mapped[str | None]
    state: Mapped[str]
    lines_read: Mapped[int] = mapped_column(server_default=text("0"))
    lines_accepted: Mapped[int] = mapped_column(server_default=text("0"))
    lines_rejected: Mapped[int] = mapped_column(server_default=text("0"))
    lines_blank: Mapped[int] = mapped_column(server_default=text("0"))
    diff: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    guards: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    warnings: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    edition_before: Mapped[int | None]
    edition_after: Mapped[int | None]
    started_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    finished_at: Mapped[datetime | None] = mapped_column(Instant)
    base: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    layout: Mapped[str | None]
    encoding: Mapped[str | None]
    mode: Mapped[str | None]
    staged: Mapped[int | None]
    bulk: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    phase: Mapped[str | None]
    progress: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    stages: Mapped[dict[str, float]] = mapped_column(JSONB, server_default=text("'{}'"))
    planned_by: Mapped[str | None]
    applied_by: Mapped[str | None]
    undone_by: Mapped[str | None]
    applied_at: Mapped[datetime | None] = mapped_column(Instant)
    undone_at: Mapped[datetime | None] = mapped_column(Instant)
    edition_undone: Mapped[int | None] = mapped_column(BigInteger)
    spool: Mapped[str | None]
    wish: Mapped[str | None]
    wish_guards: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    wish_by: Mapped[str | None]
    effective_at: Mapped[datetime | None] = mapped_column(Instant)


class ImportReject(Base):
    """A line that was not accepted: physical line number (the header is line 1), column, stable reason code, text."""

    __tablename__ = "import_reject"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    run: Mapped[Key] = mapped_column(ForeignKey("import_run.id"), index=True)
    line: Mapped[int]
    column: Mapped[str | None]
    code: Mapped[str]
    detail: Mapped[str]
    content: Mapped[str | None]


class ImportChange(Base):
    """A registry row that a run would change, or changed: as it was (`before`) and as it shall be (`after`).

    The row belongs to an entity (`entity_kind`, `entity_key`): a mailbox, a person. `reason`: new, returned, changed,
    absent. `is_seen`: the world can see the difference. Creations of a first load have no row here.
    """

    __tablename__ = "import_change"
    __table_args__ = (
        CheckConstraint("action IN ('create', 'update', 'close', 'delete')", name="action"),
        Index(None, "run", "entity_kind", "entity_key"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    run: Mapped[int] = mapped_column(ForeignKey("import_run.number"))
    target: Mapped[Key]
    entity_kind: Mapped[Key]
    entity_key: Mapped[Key]
    action: Mapped[str]
    reason: Mapped[str]
    is_seen: Mapped[bool]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class ImportGuard(Base):
    """The limit of a guard for a source (`*`: all sources), and whether it refuses, warns or is off."""

    __tablename__ = "import_guard"
    __table_args__ = (
        CheckConstraint("level IN ('refuse', 'warn', 'off')", name="level"),
        CheckConstraint("threshold >= 0", name="threshold"),
    )

    source: Mapped[Key] = mapped_column(primary_key=True)
    name: Mapped[Key] = mapped_column(primary_key=True)
    level: Mapped[str]
    threshold: Mapped[float] = mapped_column(Double)

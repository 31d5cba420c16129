"""Import sources and runs: what was loaded, when, from which file, with which result."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, func, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key, OptionalKey

Instant = TIMESTAMP(timezone=True)


class Source(Base):
    """A national source. `loaded` once a full file of it was applied: publication rules depend on it.

    `run` applied the last file, whose date is `stamp` (digits, YYYYMMDDhhmm), where the file or its name gives one.
    """

    __tablename__ = "source"

    name: Mapped[Key] = mapped_column(primary_key=True)
    loaded: Mapped[bool] = mapped_column(server_default=text("false"))
    run: Mapped[OptionalKey] = mapped_column(ForeignKey("import_run.id"))
    stamp: Mapped[str | None]


class ImportRun(Base):
    """One run of the import engine over one file, with its report."""

    __tablename__ = "import_run"
    __table_args__ = (
        CheckConstraint("state IN ('planned', 'applied', 'refused', 'undone', 'failed')", name="state"),
        CheckConstraint("lines_read = lines_accepted + lines_rejected + lines_blank", name="lines"),
    )

    id: Mapped[Key] = mapped_column(primary_key=True)
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

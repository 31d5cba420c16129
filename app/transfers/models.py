"""Transfers of a mailbox or of a whole domain from one operator to another."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key

Instant = TIMESTAMP(timezone=True)
OPEN = text("state IN ('proposed', 'agreed')")


class Transfer(Base):
    """One transfer: nothing moves unless both operators agreed before `effective_at`.

    `proposed_by`: the operator that proposed it, or `account NAME`. `decided_at`: when it was agreed to, refused or
    withdrawn; `done_at`: when it took effect, lapsed or failed. `detail`: why it failed.
    """

    __tablename__ = "transfer"
    __table_args__ = (
        CheckConstraint("scope IN ('mailbox', 'domain')", name="scope"),
        CheckConstraint(
            "state IN ('proposed', 'agreed', 'done', 'refused', 'withdrawn', 'lapsed', 'failed')", name="state"
        ),
        CheckConstraint("from_operator <> to_operator", name="operators"),
        Index("uq_transfer_scope_key", "scope", "key", unique=True, postgresql_where=OPEN),
        Index(None, "effective_at", postgresql_where=OPEN),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    scope: Mapped[Key]
    key: Mapped[Key]
    from_operator: Mapped[Key] = mapped_column(ForeignKey("operator.id"))
    to_operator: Mapped[Key] = mapped_column(ForeignKey("operator.id"))
    effective_at: Mapped[datetime] = mapped_column(Instant)
    state: Mapped[Key]
    proposed_by: Mapped[Key]
    proposed_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    done_at: Mapped[datetime | None] = mapped_column(Instant)
    detail: Mapped[str | None]

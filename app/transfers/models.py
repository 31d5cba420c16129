"""Transfers of a mailbox or of a whole domain from one operator to another."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key, OptionalKey, Written

Instant = TIMESTAMP(timezone=True)
OPEN, AGREED = text("state IN ('proposed', 'agreed')"), text("state = 'agreed'")


class Transfer(Base):
    """One transfer: nothing moves unless both operators agreed before `effective_at`.

    `proposed_by`: the side that proposed it. `new_address`: the mailbox gets this name at the receiver's, and the old
    one leads to it. `decided_at`: when it was agreed to, refused or withdrawn; `done_at`: when it took effect, lapsed
    or failed. `detail`: why it failed.
    """

    __tablename__ = "transfer"
    __table_args__ = (
        CheckConstraint("scope IN ('mailbox', 'domain')", name="scope"),
        CheckConstraint(
            "state IN ('proposed', 'agreed', 'done', 'refused', 'withdrawn', 'lapsed', 'failed')", name="state"
        ),
        CheckConstraint("from_operator <> to_operator", name="operators"),
        CheckConstraint("proposed_by IN (from_operator, to_operator)", name="proposed_by"),
        CheckConstraint(
            "new_address IS NULL OR (scope = 'mailbox' AND new_address <> key)",
            name="new_address",
        ),
        Index("uq_transfer_open", "scope", "key", "from_operator", "to_operator", unique=True, postgresql_where=OPEN),
        Index("uq_transfer_agreed", "scope", "key", unique=True, postgresql_where=AGREED),
        Index("uq_transfer_new_address", "new_address", unique=True, postgresql_where=AGREED),
        Index(None, "effective_at", postgresql_where=OPEN),
        Index("ix_transfer_from_operator_id", "from_operator", "id"),
        Index("ix_transfer_to_operator_id", "to_operator", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    scope: Mapped[Key]
    key: Mapped[Key]
    new_address: Mapped[OptionalKey]
    from_operator: Mapped[Key] = mapped_column(ForeignKey("operator.id"))
    to_operator: Mapped[Key] = mapped_column(ForeignKey("operator.id"))
    effective_at: Mapped[datetime] = mapped_column(Instant)
    state: Mapped[Key] = mapped_column(server_default=text("'proposed'"))
    proposed_by: Mapped[Key]
    proposed_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    done_at: Mapped[datetime | None] = mapped_column(Instant)
    detail: Mapped[str | None]


class DomainMove(Written, Base):
    """A domain that was transferred here, as long as the imported white list does not name its receiver.

    Until then an entry of the list for the giver is read as one for the receiver (white_list.state.sql).
    """

    __tablename__ = "domain_move"

    name: Mapped[Key] = mapped_column(primary_key=True)
    from_operator: Mapped[Key] = mapped_column(ForeignKey("operator.id"), primary_key=True)
    to_operator: Mapped[Key] = mapped_column(ForeignKey("operator.id"))

"""Mailbox (`BAL`): an address, its type, and whom it is attached to."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key, OptionalKey, Written

Instant = TIMESTAMP(timezone=True)


class MailboxType(StrEnum):
    """TRE_R257-TypeBAL."""

    PERSONAL = "PER"
    ORGANIZATION = "ORG"
    APPLICATION = "APP"
    PRACTICE = "CAB"


class Mailbox(Written, Base):
    """A secure mailbox, under its lower-case address, which never changes (mssante.md §2).

    `unlisted` = liste rouge. `state`: a withdrawn mailbox stays as a row, so that a sender can be told since when and
    who follows; `withdrawn_at` is set by trigger. `source`: `api` rows are never changed or closed by a file, which a
    trigger holds. `operator` is set by the operator that wrote it. `phone`, like `responsible`, is its owner's alone.
    """

    __tablename__ = "mailbox"
    __table_args__ = (
        CheckConstraint("type IN ('PER', 'ORG', 'APP', 'CAB')", name="type"),
        CheckConstraint("state IN ('active', 'suspended', 'withdrawn')", name="state"),
        CheckConstraint("address = lower(address) AND address ~ '^[^@[:space:]]+@[^@[:space:]]+$'", name="address"),
        CheckConstraint("domain = split_part(address, '@', 2)", name="domain"),
        CheckConstraint("length(address) <= 254", name="length"),
        CheckConstraint("rank >= 1", name="rank"),
        # Lists of an operator's own mailboxes go on from an address.
        Index(None, "domain", "address"),
        Index(None, "operator", "address", postgresql_where=text("operator IS NOT NULL")),
    )

    address: Mapped[Key] = mapped_column(primary_key=True)
    domain: Mapped[Key]
    type: Mapped[str]
    service: Mapped[str | None]
    description: Mapped[str | None]
    rank: Mapped[int | None]
    dematerialization: Mapped[bool | None]
    unlisted: Mapped[bool] = mapped_column(server_default=text("false"))
    responsible: Mapped[str | None]
    phone: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default=text("'active'"))
    successor: Mapped[OptionalKey]
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)
    operator: Mapped[OptionalKey] = mapped_column(ForeignKey("operator.id"))
    source: Mapped[str]
    warnings: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    created_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())


class MailboxAttachment(Written, Base):
    """One holder of a mailbox: a person, a structure, or a person at a structure.

    The remaining columns are what the file printed of the holder; they are shown only where the register does not
    know the person or the structure.
    """

    __tablename__ = "mailbox_attachment"
    __table_args__ = (
        Index(
            "uq_mailbox_attachment_address_practitioner_organization",
            "address",
            "practitioner",
            "organization",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index(None, "practitioner"),
        Index(None, "organization"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    address: Mapped[Key] = mapped_column(ForeignKey("mailbox.address"))
    practitioner: Mapped[OptionalKey] = mapped_column(ForeignKey("practitioner.national_id"))
    organization: Mapped[OptionalKey] = mapped_column(ForeignKey("organization.key"))
    title: Mapped[OptionalKey]
    family: Mapped[str | None]
    given: Mapped[str | None]
    category: Mapped[OptionalKey]
    profession: Mapped[OptionalKey]
    skill: Mapped[OptionalKey]
    organization_name: Mapped[str | None]
    trade_name: Mapped[str | None]
    recipient: Mapped[str | None]
    building: Mapped[str | None]
    number: Mapped[str | None]
    repetition: Mapped[str | None]
    street_type: Mapped[str | None]
    street: Mapped[str | None]
    distribution: Mapped[str | None]
    line6: Mapped[str | None]
    postal_code: Mapped[OptionalKey]
    city: Mapped[str | None]
    department: Mapped[OptionalKey]
    country: Mapped[str | None]


class IdempotencyKey(Base):
    """The answer to a request that came with an Idempotency-Key, for when the same request comes again.

    `request` = SHA-256 of what was asked; `status` 0: a batch that was cut short, whose `body` holds its report so far.
    """

    __tablename__ = "idempotency_key"
    __table_args__ = (Index(None, "recorded_at"),)

    operator: Mapped[Key] = mapped_column(primary_key=True)
    key: Mapped[Key] = mapped_column(primary_key=True)
    request: Mapped[bytes]
    status: Mapped[int]
    headers: Mapped[str]
    body: Mapped[bytes]
    recorded_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())

"""Webhooks, and every delivery of one."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key, OptionalKey

Instant = TIMESTAMP(timezone=True)


class Webhook(Base):
    """Somebody who is told that the directory moved: an operator, or the holder of a key that acts for none.

    `secret`: sealed under the pepper `pepper`. `epoch`, `edition`: up to here it was told. `message`, `body`,
    `next_epoch`, `next_edition`: the one message on its way, sent `attempt` times in vain, next at `due_at`.
    """

    __tablename__ = "webhook"
    __table_args__ = (
        CheckConstraint(
            "kinds <@ ARRAY['mailbox', 'organization', 'practitioner'] AND cardinality(kinds) > 0", name="kinds"
        ),
        CheckConstraint("state IN ('active', 'disabled')", name="state"),
        CheckConstraint("num_nonnulls(operator, api_key) = 1", name="owner"),
        CheckConstraint("num_nulls(message, body, next_epoch, next_edition) IN (0, 4)", name="message"),
        Index(None, "operator"),
        Index(None, "api_key"),
    )

    id: Mapped[Key] = mapped_column(primary_key=True)
    operator: Mapped[OptionalKey] = mapped_column(ForeignKey("operator.id"))
    api_key: Mapped[OptionalKey] = mapped_column(ForeignKey("api_key.id"))
    url: Mapped[str]
    kinds: Mapped[list[str]] = mapped_column(ARRAY(Text))
    secret: Mapped[bytes]
    pepper: Mapped[Key]
    state: Mapped[Key] = mapped_column(server_default=text("'active'"))
    disabled_why: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    epoch: Mapped[str]
    edition: Mapped[int] = mapped_column(BigInteger)
    message: Mapped[OptionalKey]
    body: Mapped[str | None]
    next_epoch: Mapped[str | None]
    next_edition: Mapped[int | None] = mapped_column(BigInteger)
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    due_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())


class WebhookDelivery(Base):
    """One attempt to deliver one message, which tells of the changes after `after` up to `edition`."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        CheckConstraint("outcome IN ('delivered', 'rejected', 'unreachable', 'forbidden', 'unsigned')", name="outcome"),
        Index(None, "webhook", "id"),
        Index(None, "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    webhook: Mapped[Key] = mapped_column(ForeignKey("webhook.id", ondelete="CASCADE"))
    message: Mapped[Key]
    after: Mapped[int] = mapped_column(BigInteger)
    edition: Mapped[int] = mapped_column(BigInteger)
    attempt: Mapped[int]
    at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    outcome: Mapped[Key]
    status: Mapped[int | None]
    detail: Mapped[str]
    ms: Mapped[int]

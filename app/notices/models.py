"""Notices: what an operator is told of its own mailboxes, domains, transfers and conformity file."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key

Instant = TIMESTAMP(timezone=True)


class Notice(Base):
    """One notice to one operator. `kind` and `key` name what it is about, `detail` is a JSON object as text.

    `number`: its place among the notices to that operator, given when somebody reads (`number_notices`).
    """

    __tablename__ = "notice"
    __table_args__ = (
        Index("uq_notice_operator_number", "operator", "number", unique=True),
        Index("ix_notice_unnumbered", "operator", postgresql_where=text("number IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    operator: Mapped[Key] = mapped_column(ForeignKey("operator.id", ondelete="CASCADE"))
    code: Mapped[Key]
    kind: Mapped[Key]
    key: Mapped[Key]
    detail: Mapped[str]
    at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    number: Mapped[int | None] = mapped_column(BigInteger)

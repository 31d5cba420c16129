"""What the worker knows of the LDAP tree, for those who do not talk to slapd."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, func, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key


class LdapSeen(Base):
    """Edition and epoch on the suffix entry, and when somebody last looked."""

    __tablename__ = "ldap_seen"
    __table_args__ = (CheckConstraint("singleton", name="singleton"),)

    singleton: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    edition: Mapped[int] = mapped_column(BigInteger)
    epoch: Mapped[str | None]
    seen_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True), server_default=func.now())


class LdapAside(Base):
    """A published mailbox that the tree cannot hold (app.ldap.aside), how often it was tried, and since when."""

    __tablename__ = "ldap_aside"

    address: Mapped[Key] = mapped_column(primary_key=True)
    tries: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    since: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True), server_default=func.now())

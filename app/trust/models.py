"""The trust space: operators, their certificates, and the domains that the white list gives them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key, Written

Instant = TIMESTAMP(timezone=True)


class Operator(Written, Base):
    """An operator of secure mail. `id` = the OU of its certificates (1 + FINESS or 3 + SIRET), the same everywhere."""

    __tablename__ = "operator"
    __table_args__ = (CheckConstraint("state IN ('candidate', 'active', 'suspended', 'left')", name="state"),)

    id: Mapped[Key] = mapped_column(primary_key=True)
    name: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'active'"))


class OperatorCertificate(Written, Base):
    """The canonical distinguished name of a certificate of an operator, and the spelling in which it was listed."""

    __tablename__ = "operator_certificate"
    __table_args__ = (Index(None, "operator"),)

    dn: Mapped[Key] = mapped_column(primary_key=True)
    operator: Mapped[Key] = mapped_column(ForeignKey("operator.id"))
    listed_as: Mapped[str]


class Domain(Written, Base):
    """A mail domain as the white list gives it to one certificate: the key is the pair (mssante.md §4).

    Contacts are for the trust space's own use and never public.
    """

    __tablename__ = "domain"
    __table_args__ = (
        CheckConstraint("name = lower(name) AND name !~ '[@[:space:]]'", name="name"),
        Index(None, "certificate"),
    )

    name: Mapped[Key] = mapped_column(primary_key=True)
    certificate: Mapped[Key] = mapped_column(ForeignKey("operator_certificate.dn"), primary_key=True)
    source: Mapped[Key]
    description: Mapped[str | None]
    responsible_contact: Mapped[str | None]
    support_contact: Mapped[str | None]
    source_updated: Mapped[datetime | None] = mapped_column(Instant)

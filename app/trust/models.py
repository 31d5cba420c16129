"""The trust space: operators with their conformity files, their certificates, and the domains that are theirs."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key, OptionalKey, Written

Instant = TIMESTAMP(timezone=True)


class OperatorState(StrEnum):
    """Where an operator stands: a suspended one writes no more but is seen; one that left is not seen either."""

    CANDIDATE = "candidate"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEFT = "left"


class ConformityKind(StrEnum):
    """The pieces of a conformity file, in the order in which they are asked for (mssante.md §6)."""

    CONTRACT = "contract"
    COMMITMENT = "commitment"
    HOSTING = "hosting"


class Operator(Written, Base):
    """An operator of secure mail. `id` = the OU of its certificates (1 + FINESS or 3 + SIRET), the same everywhere.

    `source` = who brought it: an imported white list, or an administrator, who then keeps its conformity file here.
    """

    __tablename__ = "operator"
    __table_args__ = (
        CheckConstraint("state IN ('candidate', 'active', 'suspended', 'left')", name="state"),
        CheckConstraint("source IN ('liste_blanche', 'admin')", name="source"),
    )

    id: Mapped[Key] = mapped_column(primary_key=True)
    name: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'active'"))
    source: Mapped[Key] = mapped_column(server_default=text("'liste_blanche'"))
    state_reason: Mapped[str | None]
    state_since: Mapped[datetime] = mapped_column(Instant, server_default=func.now())


class ConformityDocument(Base):
    """One document of the conformity file of an operator, in force from its first day to its last, both included."""

    __tablename__ = "conformity_document"
    __table_args__ = (
        CheckConstraint("kind IN ('contract', 'commitment', 'hosting')", name="kind"),
        CheckConstraint("starts_on < expires_on", name="dates"),
        Index(None, "operator", "kind"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    operator: Mapped[Key] = mapped_column(ForeignKey("operator.id"))
    kind: Mapped[Key]
    reference: Mapped[str]
    starts_on: Mapped[date]
    expires_on: Mapped[date]
    recorded_by: Mapped[Key]
    recorded_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())


class ConformityException(Base):
    """Until its last day an operator may publish though its file is not complete; who said so and why stays."""

    __tablename__ = "conformity_exception"
    __table_args__ = (Index(None, "operator"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    operator: Mapped[Key] = mapped_column(ForeignKey("operator.id"))
    reason: Mapped[str]
    expires_on: Mapped[date]
    granted_by: Mapped[Key]
    granted_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())


class OperatorCertificate(Written, Base):
    """The canonical distinguished name of a certificate of an operator, and the spelling in which it was listed.

    `expires_at` is known of those that were shown as a whole, not by their name alone.
    """

    __tablename__ = "operator_certificate"
    __table_args__ = (Index(None, "operator"),)

    dn: Mapped[Key] = mapped_column(primary_key=True)
    operator: Mapped[Key] = mapped_column(ForeignKey("operator.id"))
    listed_as: Mapped[str]
    expires_at: Mapped[datetime | None] = mapped_column(Instant)


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


class TrustEdition(Base):
    """The one row that numbers the states of operators, certificates and domains; triggers keep it at each commit."""

    __tablename__ = "trust_edition"
    __table_args__ = (CheckConstraint("singleton", name="singleton"),)

    singleton: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    number: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[datetime] = mapped_column(Instant)
    transaction: Mapped[OptionalKey]

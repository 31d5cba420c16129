"""Organization: legal and geographical entities, and what each source says of them."""

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key, OptionalKey, Written


class Organization(Written, Base):
    """A structure, under its public key: 1 + FINESS, else 3 + SIRET, else national identification, else technical id.

    The row is the anchor that others refer to; what is known of it stands in its records, one per source. Without a
    record of a register the structure is only named by others and is not published.
    """

    __tablename__ = "organization"

    key: Mapped[Key] = mapped_column(primary_key=True)


class OrganizationRecord(Written, Base):
    """What one source (`finess`, `personne_activite`, …) asserts of a structure.

    The address stands in its French postal parts (L2 to L6); `postal_code`, `city`, `department` and `country` are
    derived at import. `parent` is the FINESS number of the legal entity.
    """

    __tablename__ = "organization_record"
    __table_args__ = (
        CheckConstraint("kind IN ('LEGAL_ENTITY', 'GEOGRAPHICAL_ENTITY')", name="kind"),
        # A file brings hundreds of labels of kinds of structure at once, and each asks who shows it.
        Index(None, "type", postgresql_where=text("type IS NOT NULL")),
    )

    organization: Mapped[Key] = mapped_column(ForeignKey("organization.key"), primary_key=True)
    source: Mapped[Key] = mapped_column(primary_key=True)
    kind: Mapped[str]
    finess: Mapped[OptionalKey]
    siret: Mapped[OptionalKey]
    siren: Mapped[OptionalKey]
    parent: Mapped[OptionalKey]
    national_ids: Mapped[list[str]] = mapped_column(ARRAY(Text(collation="C")), server_default=text("'{}'"))
    technical_ids: Mapped[list[str]] = mapped_column(ARRAY(Text(collation="C")), server_default=text("'{}'"))
    name: Mapped[str | None]
    long_name: Mapped[str | None]
    trade_name: Mapped[str | None]
    type: Mapped[OptionalKey]
    sector: Mapped[OptionalKey]
    opened: Mapped[date | None]
    recipient: Mapped[str | None]
    building: Mapped[str | None]
    number: Mapped[str | None]
    repetition: Mapped[str | None]
    street_type: Mapped[str | None]
    street: Mapped[str | None]
    distribution: Mapped[str | None]
    line6: Mapped[str | None]
    commune: Mapped[OptionalKey]
    postal_code: Mapped[OptionalKey]
    city: Mapped[str | None]
    department: Mapped[OptionalKey]
    country: Mapped[str | None]
    warnings: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))

"""Practitioner, practice, skill and role: who exercises what, as what, and where."""

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key, OptionalKey, Written


class Practitioner(Written, Base):
    """A professional, under the national identification (IDNPS: 8 + RPPS, 0 + ADELI, …).

    `register_state`: `unknown` = other files name the person, the register does not (yet); `active` = the register
    asserts the person; `closed` = it did and does no more (struck off, retired, opposed): hides the mailboxes too.
    """

    __tablename__ = "practitioner"
    __table_args__ = (CheckConstraint("register_state IN ('unknown', 'active', 'closed')", name="register_state"),)

    national_id: Mapped[Key] = mapped_column(primary_key=True)
    rpps: Mapped[OptionalKey]
    civility: Mapped[OptionalKey]
    register_state: Mapped[str]
    warnings: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))


class Practice(Written, Base):
    """An exercise of a profession in a category (`exercice professionnel`): it carries the name and the title."""

    __tablename__ = "practice"

    practitioner: Mapped[Key] = mapped_column(ForeignKey("practitioner.national_id"), primary_key=True)
    profession: Mapped[Key] = mapped_column(primary_key=True)
    category: Mapped[Key] = mapped_column(primary_key=True)
    title: Mapped[OptionalKey]
    family: Mapped[str]
    given: Mapped[str | None]


class Skill(Written, Base):
    """A `savoir-faire` of a practice, as one source asserts it.

    No foreign key to the practice: the skills' file may come before the persons' file; a skill without its practice
    is kept and shown once the practice is there.
    """

    __tablename__ = "skill"

    practitioner: Mapped[Key] = mapped_column(ForeignKey("practitioner.national_id"), primary_key=True)
    profession: Mapped[Key] = mapped_column(primary_key=True)
    category: Mapped[Key] = mapped_column(primary_key=True)
    skill_type: Mapped[Key] = mapped_column(primary_key=True)
    skill: Mapped[Key] = mapped_column(primary_key=True)
    source: Mapped[Key] = mapped_column(primary_key=True)


class Qualification(Written, Base):
    """A diploma or an authorisation of practice (files.md §4), which no document shows yet.

    `type` and `code` as the file has them (kind and diploma, kind and discipline), empty where it names none: nothing
    but the whole row tells one from another.
    """

    __tablename__ = "qualification"
    __table_args__ = (CheckConstraint("kind IN ('diploma', 'authorisation')", name="kind"),)

    practitioner: Mapped[Key] = mapped_column(ForeignKey("practitioner.national_id"), primary_key=True)
    kind: Mapped[Key] = mapped_column(primary_key=True)
    type: Mapped[Key] = mapped_column(primary_key=True)
    code: Mapped[Key] = mapped_column(primary_key=True)


class PractitionerRole(Written, Base):
    """A `situation d'exercice`: a practice at a structure, or without one.

    `id` is the hash of (national id, profession, category, mode, technical structure id, role, kind, sector): the
    file has no key of its own (files.md §3). Contact data are kept and never published.
    """

    __tablename__ = "practitioner_role"
    __table_args__ = (
        ForeignKeyConstraint(
            ["practitioner", "profession", "category"],
            ["practice.practitioner", "practice.profession", "practice.category"],
            deferrable=True,
            initially="DEFERRED",
        ),
        Index(None, "practitioner", "profession", "category"),
        Index(None, "organization"),
    )

    id: Mapped[Key] = mapped_column(primary_key=True)
    practitioner: Mapped[Key]
    profession: Mapped[Key]
    category: Mapped[Key]
    organization: Mapped[OptionalKey] = mapped_column(ForeignKey("organization.key"))
    mode: Mapped[OptionalKey]
    sector: Mapped[OptionalKey]
    pharmacist_section: Mapped[OptionalKey]
    role: Mapped[OptionalKey]
    kind: Mapped[OptionalKey]
    authority: Mapped[str | None]
    phone: Mapped[str | None]
    phone_2: Mapped[str | None]
    fax: Mapped[str | None]
    email: Mapped[str | None]

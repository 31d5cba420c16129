"""What searches compare, derived by publish() with each published document, and the dictionaries made from it."""

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key, OptionalKey

Words = ARRAY(Text(collation="C"))


class PractitionerSearch(Base):
    """What a search for people compares: one row per published practitioner, names folded by `name_key`."""

    __tablename__ = "practitioner_search"
    __table_args__ = (
        Index(None, "family_key", "given_key", "key"),
        Index(None, "given_key", "key"),
        # A beginning of the family name with one of the given name: few rows, however short the first is.
        Index("ix_practitioner_search_beginnings", text("left(family_key, 3)"), "given_key", "family_key", "key"),
        *(
            Index(None, column, postgresql_using="gin")
            for column in ("professions", "specialties", "departments", "postal_codes", "cities", "organizations")
        ),
    )

    key: Mapped[Key] = mapped_column(primary_key=True)
    family_key: Mapped[Key]
    given_key: Mapped[Key]
    professions: Mapped[list[str]] = mapped_column(Words)
    specialties: Mapped[list[str]] = mapped_column(Words)
    departments: Mapped[list[str]] = mapped_column(Words)
    postal_codes: Mapped[list[str]] = mapped_column(Words)
    cities: Mapped[list[str]] = mapped_column(Words)
    organizations: Mapped[list[str]] = mapped_column(Words)
    has_mailbox: Mapped[bool]


class NameToken(Base):
    """A word by which a published name is found: `part` says of which part, `name` is that part folded.

    Kept by triggers on practitioner_search, as NameWord and NameDeletion are (migration 0014).
    """

    __tablename__ = "name_token"
    __table_args__ = (
        CheckConstraint("part IN ('family', 'given')", name="part"),
        Index(None, "part", "name"),
    )

    part: Mapped[Key] = mapped_column(primary_key=True)
    token: Mapped[Key] = mapped_column(primary_key=True)
    name: Mapped[Key] = mapped_column(primary_key=True)


class NameWord(Base):
    """Every token once, with its sound in French."""

    __tablename__ = "name_word"
    __table_args__ = (Index(None, "part", "sound"),)

    part: Mapped[Key] = mapped_column(primary_key=True)
    word: Mapped[Key] = mapped_column(primary_key=True)
    sound: Mapped[Key]


class NameDeletion(Base):
    """A word as it is and with one letter left out: two words one edit apart have one of these forms in common."""

    __tablename__ = "name_deletion"

    part: Mapped[Key] = mapped_column(primary_key=True)
    deletion: Mapped[Key] = mapped_column(primary_key=True)
    word: Mapped[Key] = mapped_column(primary_key=True)


class OrganizationSearch(Base):
    """What a search for structures compares: one row per published structure and name (legal, long, trade)."""

    __tablename__ = "organization_search"
    __table_args__ = (
        Index(None, "name_key", "key"),
        Index(None, "key"),
        *(
            Index(None, column, "name_key", "key")
            for column in ("city_key", "postal_code", "department", "type", "parent")
        ),
    )

    name_key: Mapped[Key] = mapped_column(primary_key=True)
    key: Mapped[Key] = mapped_column(primary_key=True)
    main: Mapped[bool]
    city_key: Mapped[OptionalKey]
    postal_code: Mapped[OptionalKey]
    department: Mapped[OptionalKey]
    type: Mapped[OptionalKey]
    parent: Mapped[OptionalKey]


class StructureLabel(Base):
    """What a search for words of structures compares: names, then `@` before each word of town and postal code.

    One row per published structure, kept by triggers on organization_search, as the three tables below are
    (migration 0014).
    """

    __tablename__ = "structure_label"

    key: Mapped[Key] = mapped_column(primary_key=True)
    label: Mapped[Key]


class StructurePosting(Base):
    """Under each word the structures whose label holds it, in the order in which they are found."""

    __tablename__ = "structure_posting"

    word: Mapped[Key] = mapped_column(primary_key=True)
    label: Mapped[Key] = mapped_column(primary_key=True)
    key: Mapped[Key] = mapped_column(primary_key=True)


class StructureWord(Base):
    """Every word once, and how many structures hold it: the rarest of those asked is looked through."""

    __tablename__ = "structure_word"

    word: Mapped[Key] = mapped_column(primary_key=True)
    holders: Mapped[int]


class StructureDeletion(Base):
    """A word as it is and with one letter left out: two words one edit apart have one of these forms in common."""

    __tablename__ = "structure_deletion"

    deletion: Mapped[Key] = mapped_column(primary_key=True)
    word: Mapped[Key] = mapped_column(primary_key=True)


class MailboxSearch(Base):
    """What a list of mailboxes filters by: one row per published mailbox."""

    __tablename__ = "mailbox_search"
    __table_args__ = (
        Index(None, "domain", "key"),
        Index(None, "type", "key"),
        Index(None, "practitioners", postgresql_using="gin"),
        Index(None, "organizations", postgresql_using="gin"),
    )

    key: Mapped[Key] = mapped_column(primary_key=True)
    domain: Mapped[Key]
    type: Mapped[str]
    practitioners: Mapped[list[str]] = mapped_column(Words)
    organizations: Mapped[list[str]] = mapped_column(Words)

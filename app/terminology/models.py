"""National code systems (TRE, JDV) and the labels that files bring for codes we do not know."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key, Written


class CodeSystem(Written, Base):
    """One national table of codes, as the ANS names it (for example `TRE_G15-ProfessionSante`)."""

    __tablename__ = "code_system"

    id: Mapped[Key] = mapped_column(primary_key=True)
    oid: Mapped[str | None]


class Code(Written, Base):
    """One code of one system with its official label."""

    __tablename__ = "code"

    system: Mapped[Key] = mapped_column(ForeignKey("code_system.id"), primary_key=True)
    code: Mapped[Key] = mapped_column(primary_key=True)
    label: Mapped[str]


class CodeBinding(Base):
    """Which systems a field of ours takes its codes from; the lowest priority that knows a code gives its label."""

    __tablename__ = "code_binding"

    value_set: Mapped[Key] = mapped_column(primary_key=True)
    system: Mapped[Key] = mapped_column(ForeignKey("code_system.id"), primary_key=True)
    priority: Mapped[int]


class FileLabel(Written, Base):
    """A label that a national file prints beside a code; shown only where no code system knows the code.

    A full file replaces all labels of its source, so that they do not depend on the order of imports.
    """

    __tablename__ = "file_label"

    value_set: Mapped[Key] = mapped_column(primary_key=True)
    code: Mapped[Key] = mapped_column(primary_key=True)
    source: Mapped[Key] = mapped_column(primary_key=True)
    label: Mapped[str]


class CodeLabel(Base):
    """The one label of a code in a value set: derived by trigger from the tables above, never written by hand.

    `coded` = the canonical JSON `{"code", "label"}` as documents show it.
    """

    __tablename__ = "code_label"

    value_set: Mapped[Key] = mapped_column(primary_key=True)
    code: Mapped[Key] = mapped_column(primary_key=True)
    label: Mapped[str]
    coded: Mapped[str]

"""What was shown to whom today. Both tables are unlogged: a crash of PostgreSQL empties them."""

from datetime import date

from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key


class Disclosure(Base):
    """A person that a bound caller was shown on a day: an HMAC, from which nobody reads who was looked for."""

    __tablename__ = "disclosure"

    day: Mapped[date] = mapped_column(primary_key=True)
    caller: Mapped[Key] = mapped_column(primary_key=True)
    person: Mapped[bytes] = mapped_column(primary_key=True)


class DisclosureDay(Base):
    """How many persons a bound caller was shown on a day; its row is the lock under which they are counted."""

    __tablename__ = "disclosure_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    caller: Mapped[Key] = mapped_column(primary_key=True)
    seen: Mapped[int]

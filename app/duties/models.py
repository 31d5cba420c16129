"""When each duty of the worker was last done."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key

Instant = TIMESTAMP(timezone=True)


class Duty(Base):
    """A duty that the worker does by the clock: when it was last done, and when and why it last failed since."""

    __tablename__ = "duty"

    name: Mapped[Key] = mapped_column(primary_key=True)
    done_at: Mapped[datetime | None] = mapped_column(Instant)
    failed_at: Mapped[datetime | None] = mapped_column(Instant)
    failure: Mapped[str | None]

"""API keys. Their secret is stored as an HMAC only."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key, OptionalKey

Instant = TIMESTAMP(timezone=True)


class ApiKey(Base):
    """A credential of a caller. `digest` = HMAC-SHA256 of the secret under the pepper; scopes add up."""

    __tablename__ = "api_key"
    __table_args__ = (
        CheckConstraint(
            "scopes <@ ARRAY['read', 'publish', 'admin', 'audit'] AND cardinality(scopes) > 0", name="scopes"
        ),
    )

    id: Mapped[Key] = mapped_column(primary_key=True)
    name: Mapped[str]
    digest: Mapped[bytes]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    operator: Mapped[OptionalKey] = mapped_column(ForeignKey("operator.id"))
    created_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)

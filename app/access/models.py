"""API keys, whose secret is stored as an HMAC only, the audit trail, and the log of consultations."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, SmallInteger, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key, OptionalKey

Instant = TIMESTAMP(timezone=True)


class ApiKey(Base):
    """A credential of a caller. `digest` = HMAC-SHA256 of the secret under the pepper; scopes add up.

    `pepper`: id of that pepper, None for a key of before peppers had ids; `replaces`: the key that this one renews;
    `last_used_at` may lag by a minute; `budget`: persons it may newly see in a day, None = not bound.
    """

    __tablename__ = "api_key"
    __table_args__ = (
        CheckConstraint(
            "scopes <@ ARRAY['read', 'publish', 'admin', 'audit'] AND cardinality(scopes) > 0", name="scopes"
        ),
        CheckConstraint("budget > 0", name="budget"),
    )

    id: Mapped[Key] = mapped_column(primary_key=True)
    name: Mapped[str]
    digest: Mapped[bytes]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    operator: Mapped[OptionalKey] = mapped_column(ForeignKey("operator.id"))
    created_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant, server_default=text("now() + interval '365 days'"))
    pepper: Mapped[OptionalKey]
    replaces: Mapped[OptionalKey] = mapped_column(ForeignKey("api_key.id"))
    last_used_at: Mapped[datetime | None] = mapped_column(Instant)
    budget: Mapped[int | None]


class OAuthClient(Base):
    """A program that proves itself by its private key. `jwk`: the public half; `kid`: how its assertions name it."""

    __tablename__ = "client_key"
    __table_args__ = (
        CheckConstraint(
            "scopes <@ ARRAY['read', 'publish', 'admin', 'audit'] AND cardinality(scopes) > 0", name="scopes"
        ),
        CheckConstraint("algorithm IN ('ES256', 'PS256', 'EdDSA')", name="algorithm"),
    )

    id: Mapped[Key] = mapped_column(primary_key=True)
    name: Mapped[str]
    operator: Mapped[Key] = mapped_column(ForeignKey("operator.id"))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    kid: Mapped[Key] = mapped_column(unique=True)
    algorithm: Mapped[Key]
    jwk: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
    last_used_at: Mapped[datetime | None] = mapped_column(Instant)


class AccessToken(Base):
    """A token by its hash. `certificate`: SHA-256 of the only client certificate that it goes with."""

    __tablename__ = "access_token"
    __table_args__ = (Index(None, "expires_at"),)

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    client: Mapped[Key] = mapped_column(ForeignKey("client_key.id"))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    certificate: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(Instant)


class ClientAssertion(Base):
    """An assertion that was used: nobody uses it again. It is forgotten when its age alone would refuse it."""

    __tablename__ = "client_assertion"
    __table_args__ = (Index(None, "expires_at"),)

    client: Mapped[Key] = mapped_column(ForeignKey("client_key.id"), primary_key=True)
    jti: Mapped[Key] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(Instant)


class ClientCertificate(Base):
    """A certificate that an operator used. `dn` = its canonical name; `last_used_at` may lag by a minute."""

    __tablename__ = "client_certificate"

    fingerprint: Mapped[bytes] = mapped_column(primary_key=True)
    dn: Mapped[Key]
    expires_at: Mapped[datetime] = mapped_column(Instant)
    last_used_at: Mapped[datetime] = mapped_column(Instant)


class Audit(Base):
    """One act of the trail: append-only, added by `audit_append` alone (app.access.audit)."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "object_key", "sequence"), Index(None, "operator", "sequence"))

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Instant)
    actor: Mapped[Key]
    credential: Mapped[Key]
    operator: Mapped[OptionalKey]
    action: Mapped[Key]
    object_kind: Mapped[Key]
    object_key: Mapped[Key]
    before: Mapped[bytes | None]
    after: Mapped[bytes | None]
    detail: Mapped[str]
    request_id: Mapped[OptionalKey]
    previous: Mapped[bytes]
    hash: Mapped[bytes]


class AuditHead(Base):
    """The one row that says where the trail ends: a trail cut short does not reach it."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("singleton", name="singleton"), {"postgresql_with": {"fillfactor": "10"}})

    singleton: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    sequence: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]
    count: Mapped[int] = mapped_column(BigInteger)


class Consultation(Base):
    """One read of the directory: who was shown how many resources by which route. No search term, no address."""

    __tablename__ = "consultation"
    __table_args__ = (Index(None, "caller", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant)
    caller: Mapped[Key]
    route: Mapped[Key]
    status: Mapped[int] = mapped_column(SmallInteger)
    shown: Mapped[int]
    request_id: Mapped[Key]

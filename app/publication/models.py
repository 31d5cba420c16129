"""The publication: current public documents, the log of changes, and what is told and kept of them."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Computed, Identity, Index, Integer, func, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Key, OptionalKey

Instant = TIMESTAMP(timezone=True)


class Directory(Base):
    """The one row that numbers the directory: edition (after change N) and epoch (one unbroken history)."""

    __tablename__ = "directory"
    __table_args__ = (
        CheckConstraint("singleton", name="singleton"),
        {"postgresql_with": {"fillfactor": "10"}},
    )

    singleton: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    edition: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    epoch: Mapped[str]
    # Where this history is written; another place means that it was restored (app.publication.epoch).
    witness: Mapped[str | None]
    # The last change that hid somebody: no snapshot before it is offered.
    hidden_at: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class Publication(Base):
    """The current public state: one row per resource, ready to serve as bytes.

    `document` = canonical body plus `published_at`, `sequence`, `updated_at`; `fingerprint` = SHA-256 of the body.
    `slot` (0 to 65 535) is the place of the row in the digest tree.
    """

    __tablename__ = "publication"
    __table_args__ = (
        CheckConstraint("kind IN ('mailbox', 'organization', 'practitioner')", name="kind"),
        Index("ix_publication_digest", "slot", "kind", "key", postgresql_include=["fingerprint"]),
        # So that this index is enough: see migration 0013.
        {
            "postgresql_with": {
                "autovacuum_vacuum_scale_factor": "0.005",
                "autovacuum_vacuum_insert_scale_factor": "0.005",
            }
        },
    )

    kind: Mapped[Key] = mapped_column(primary_key=True)
    key: Mapped[Key] = mapped_column(primary_key=True)
    document: Mapped[str]
    fingerprint: Mapped[bytes]
    sequence: Mapped[int] = mapped_column(BigInteger)
    published_at: Mapped[datetime] = mapped_column(Instant)
    slot: Mapped[int] = mapped_column(Integer, Computed("digest_slot(kind, key)", persisted=True))


class Change(Base):
    """The append-only log: which resource was put or deleted by which change. It carries no content.

    Kept in ranges of numbers, the last of them open: what is too old is dropped whole (app.publication.log).
    """

    __tablename__ = "change"
    __table_args__ = (
        CheckConstraint("operation IN ('put', 'delete')", name="operation"),
        {"postgresql_partition_by": "RANGE (sequence)"},
    )

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[Key]
    key: Mapped[Key]
    operation: Mapped[str]
    recorded_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())


class Pending(Base):
    """Ids that a writer touched and that are not published yet. Append-only, no unique key: a mark is never lost."""

    __tablename__ = "pending"
    __table_args__ = (
        # A mistyped kind would be a lost mark: publish() knows no dependents of it.
        CheckConstraint(
            "kind IN ('mailbox', 'organization', 'practitioner', 'domain', 'operator', 'source', 'registry') OR kind"
            " LIKE 'code/%'",
            name="kind",
        ),
        Index(None, "kind", "key"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[Key]
    key: Mapped[Key]
    run: Mapped[OptionalKey]
    marked_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())


class Alias(Base):
    """Every accepted id of a resource besides its key; one alias may fit several structures."""

    __tablename__ = "alias"
    __table_args__ = (Index(None, "kind", "key"),)

    kind: Mapped[Key] = mapped_column(primary_key=True)
    alias: Mapped[Key] = mapped_column(primary_key=True)
    key: Mapped[Key] = mapped_column(primary_key=True)


class Withdrawn(Base):
    """An address that was public and is no more, and may say so. A hidden address never stands here."""

    __tablename__ = "withdrawn"

    address: Mapped[Key] = mapped_column(primary_key=True)
    since: Mapped[datetime] = mapped_column(Instant)
    successor: Mapped[OptionalKey]
    reason: Mapped[str]


class Snapshot(Base):
    """One full file of an edition. `withdrawn`: it holds somebody who is hidden or struck off since; `expired`: old.

    `withdrawn_at`: when it ceased to be offered for that reason; null where it never was.
    """

    __tablename__ = "snapshot"
    __table_args__ = (CheckConstraint("state IN ('offered', 'withdrawn', 'expired')", name="state"),)

    edition: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    file: Mapped[Key] = mapped_column(primary_key=True)
    epoch: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    # How many published resources a whole copy of it shows.
    resources: Mapped[int] = mapped_column(BigInteger)
    made_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    state: Mapped[str] = mapped_column(server_default=text("'offered'"))
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)


class DigestTree(Base):
    """The tree of the digest as it was last reckoned: the 65 536 hashes of an edition. It may be old, never wrong."""

    __tablename__ = "digest_tree"
    __table_args__ = (CheckConstraint("singleton", name="singleton"),)

    singleton: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    edition: Mapped[int] = mapped_column(BigInteger)
    epoch: Mapped[str]
    leaves: Mapped[bytes]
    reckoned_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())

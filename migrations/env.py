"""Alembic's environment: one online migration under an advisory lock, against the URL that the caller gives."""

import importlib

from alembic import context
from sqlalchemy import NullPool, create_engine, text

from app.db import Base, sqlalchemy_url
from app.settings import Settings

MODELS = (
    "access",
    "budgets",
    "duties",
    "imports",
    "ldap",
    "mailboxes",
    "notices",
    "organizations",
    "practitioners",
    "publication",
    "push",
    "terminology",
    "transfers",
    "trust",
)
# 5 is the number of migrations among annuaire's advisory locks: two processes that start at once take turns.
MIGRATION_LOCK = 5

for package in MODELS:
    importlib.import_module(f"app.{package}.models")


PARTITIONS = "SELECT relname FROM pg_class WHERE relispartition"


def run() -> None:
    """Run the migrations in one transaction."""
    url = context.config.attributes.get("url") or sqlalchemy_url(Settings().database_url)
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        # Ranges of a partitioned table belong to their table: the models know only that one.
        partitions = set(connection.execute(text(PARTITIONS)).scalars())
        connection.rollback()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            compare_server_default=True,
            include_name=lambda name, kind, _: kind != "table" or name not in partitions,
        )
        with context.begin_transaction():
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            context.run_migrations()


run()

"""Alembic's environment: each migration in its own transaction, against the URL that the caller gives.

One upgrade at a time: the session holds an advisory lock. Who comes second asks for it again and again instead of
waiting in a statement, whose snapshot an index that is built concurrently would wait for in turn.
"""

import time
from collections.abc import Collection

from alembic import context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, NullPool, Table, create_engine, text
from sqlalchemy.schema import DropTableComment, SetTableComment

from app.console import Refused
from app.db import every_table, session, sqlalchemy_url
from app.schema.program import application
from app.schema.standing import comment
from app.schema.upgrade import LOCK_MS, LONGEST_STATEMENT
from app.settings import Settings

# 5 is the number of migrations among annuaire's advisory locks: two processes that start at once take turns.
MIGRATION_LOCK = 5
TURN_SECONDS, LOOK_SECONDS = 3_600.0, 0.25

PARTITIONS = "SELECT relname FROM pg_class WHERE relispartition"


def run() -> None:
    """Run the migrations.

    Attributes of the configuration: `url`; `follow` is told the pid of the session that runs them; `connect_args` are
    psycopg's, and `witness` is called with the connection before each commit: whoever measures migrations gives them.
    """
    attributes = context.config.attributes
    url = attributes.get("url") or sqlalchemy_url(Settings().database_url)
    options = session(lock_timeout=LOCK_MS, statement_timeout=LONGEST_STATEMENT)
    arguments = {"application_name": application("annuaire-migration"), "options": options, "connect_timeout": 10}
    engine = create_engine(url, poolclass=NullPool, connect_args=arguments | attributes.get("connect_args", {}))
    with engine.connect() as connection:
        if follow := attributes.get("follow"):
            follow(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
        # Ranges of a partitioned table belong to their table: the models know only that one.
        partitions = set(connection.execute(text(PARTITIONS)).scalars())
        connection.rollback()
        take_turn(connection)
        context.configure(
            connection=connection,
            target_metadata=every_table(),
            compare_type=True,
            compare_server_default=True,
            include_name=lambda name, kind, _: kind != "table" or name not in partitions,
            transaction_per_migration=True,
            on_version_apply=declare,
        )
        with context.begin_transaction():
            context.run_migrations()


def take_turn(connection: Connection) -> None:
    """Hold the lock of migrations until the session ends. Raises Refused (schema.busy) after an hour."""
    deadline = time.monotonic() + TURN_SECONDS
    while not connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK}).scalar_one():
        connection.rollback()
        if time.monotonic() > deadline:
            raise Refused("another upgrade of the schema has been running for over an hour", "schema.busy")
        time.sleep(LOOK_SECONDS)
    connection.rollback()


def declare(ctx: MigrationContext, step: object, heads: Collection[str], run_args: object) -> None:  # noqa: ARG001 - alembic's names
    """Write down which code the schema serves now, in the transaction of the migration that made it so."""
    assert ctx.connection is not None, "migrations run online only"  # noqa: S101 - narrows the type
    assert ctx.environment_context is not None, "alembic runs this file"  # noqa: S101
    said = comment(ctx.environment_context.script, next(iter(heads))) if heads else None
    table = Table("alembic_version", MetaData(), comment=said)
    ctx.connection.execute(SetTableComment(table) if said else DropTableComment(table))
    if witness := context.config.attributes.get("witness"):
        witness(ctx.connection)


run()

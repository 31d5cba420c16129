"""The migrations and the models tell the same schema, and every step can be taken back."""

from alembic import command

from app.db import alembic_config
from tests.harness.database import Database


def test_the_models_and_the_migrations_agree(database: Database) -> None:
    command.check(alembic_config(database.dsn))


def test_the_schema_can_be_taken_down_and_built_again(database: Database) -> None:
    config = alembic_config(database.dsn)
    command.downgrade(config, "base")
    with database.connect() as connection:
        left = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname !~ 'alembic_version'"
            " UNION ALL SELECT proname FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace AND proname !~ '^unaccent'"
        ).fetchall()
    assert left == []
    command.upgrade(config, "head")
    command.check(config)

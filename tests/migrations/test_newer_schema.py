"""A database that a newer annuaire made is refused in one sentence."""

import pytest

from app.console import Refused
from app.db import upgrade
from app.doctor import missing_migrations
from tests.harness.database import Database


def test_a_schema_of_a_newer_annuaire_is_refused(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    for ask in (upgrade, missing_migrations):
        with pytest.raises(Refused, match="a newer annuaire made it") as refusal:
            ask(database.dsn)
        assert refusal.value.code == "schema.unknown"
        assert "\n" not in refusal.value.message

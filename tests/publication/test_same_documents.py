"""The views of migration 0010 make the documents, search rows and aliases of the views before, to the byte."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command

from app.db import alembic_config
from app.publication import bulk, drain
from app.settings import Settings
from tests.harness.database import Database
from tests.publication.test_bulk import rows
from tests.publication.world import WORLD

ODD = (Path(__file__).parent / "odd.sql").read_text(encoding="utf-8")
KINDS = ("mailbox", "organization", "practitioner")


def fill(connection: psycopg.Connection[Any]) -> None:
    connection.execute(WORLD)
    connection.execute(ODD)
    connection.commit()


def documents(connection: psycopg.Connection[Any]) -> dict[str, list[tuple[Any, ...]]]:
    found = {kind: connection.execute(f"SELECT * FROM published_{kind} ORDER BY key").fetchall() for kind in KINDS}
    connection.commit()
    return found


@pytest.mark.parametrize("loaded", ["liste_blanche", "savoir_faire"])
def test_odd_rows_give_the_documents_they_gave_before(database: Database, loaded: str) -> None:
    connection = database.connect()
    fill(connection)
    connection.execute("UPDATE source SET loaded = (name = %s)", (loaded,))
    connection.commit()
    config = alembic_config(database.dsn)
    command.downgrade(config, "0009")
    before = documents(connection)
    command.upgrade(config, "0010")
    assert documents(connection) == before
    assert min(len(found) for found in before.values()) > 150


def test_odd_rows_built_and_drained_are_the_same_publication(database: Database, settings: Settings) -> None:
    connection = database.connect()
    fill(connection)
    connection.execute("DELETE FROM pending")
    connection.execute("INSERT INTO pending (kind, key) VALUES ('registry', '')")
    connection.commit()
    built_edition = drain.drain_all(settings)
    built = rows(connection)
    for table in bulk.TABLES:
        connection.execute(f"DELETE FROM {table}")
    connection.execute("UPDATE directory SET edition = 0")
    connection.execute("INSERT INTO pending (kind, key) VALUES ('registry', '')")
    connection.execute("SELECT spread_registry_mark()")
    connection.commit()
    assert drain.drain_all(settings) == built_edition
    assert rows(connection) == built

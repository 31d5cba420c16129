"""A database that a newer annuaire made is refused in one sentence, unless it says that it serves this code."""

import json
from collections.abc import Callable

import psycopg
import pytest

from app.console import Refused
from app.db import upgrade
from app.doctor import examine
from app.imports.pipeline import importer
from app.schema.standing import Standing, look, missing, require_served, scripts
from app.settings import Settings
from tests.harness.database import Database

HEADS = scripts().get_heads()


def made_newer(database: Database, comment: str) -> psycopg.Connection[tuple[object, ...]]:
    """A schema 9999 with this comment."""
    connection = database.connect(autocommit=True)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.execute(f"COMMENT ON TABLE alembic_version IS '{comment}'".encode())
    return connection


def test_a_schema_of_a_newer_annuaire_is_refused(database: Database, settings: Settings) -> None:
    connection = made_newer(database, "of somebody else")
    asks: tuple[Callable[[], object], ...] = (
        lambda: upgrade(database.dsn),
        lambda: missing(look(connection)),
        lambda: require_served(connection),
        lambda: importer(settings).__enter__(),
    )
    for ask in asks:
        with pytest.raises(Refused, match="a newer annuaire made it") as refusal:
            ask()
        assert refusal.value.code == "schema.unknown"
        assert "\n" not in refusal.value.message


def test_a_newer_schema_that_says_so_serves_this_code(database: Database, settings: Settings) -> None:
    connection = made_newer(database, json.dumps({"schema": "9999", "serves": ["9999", *HEADS]}))
    upgrade(database.dsn)
    require_served(connection)
    with importer(settings):
        pass
    assert look(connection).revisions == ("9999",)
    (schema,) = (finding for finding in examine(settings) if finding.name == "schema")
    assert (schema.ok, schema.detail) == (None, "of a newer annuaire (9999), which lets this one go on")


@pytest.mark.parametrize(
    "comment", [None, "", "[]", "{}", '"0001"', '{"schema": "9998", "serves": ["0001"]}', '{"schema": "9999"}', "null"]
)
def test_a_comment_that_is_not_of_this_schema_promises_nothing(comment: str | None) -> None:
    assert not Standing(("9999",), comment).serves(["0001"])
    assert Standing(("9999",), comment).serves(["9999"])


def test_code_does_not_run_on_an_older_schema(database: Database) -> None:
    connection = database.connect(autocommit=True)
    connection.execute("UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(Refused, match="run annuaire db upgrade") as refusal:
        require_served(connection)
    assert refusal.value.code == "schema.older"

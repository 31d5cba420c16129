"""A restored directory begins another history, by itself where the place shows it."""

from typing import Any

import psycopg

from app.embedded import Postgres
from app.publication import epoch
from tests.builders import a_mailbox, publish
from tests.harness.database import Database, cloned

Connection = psycopg.Connection[Any]


def history(connection: Connection) -> Any:
    return connection.execute("SELECT epoch, edition, witness FROM directory").fetchone()


def test_a_history_that_goes_on_is_the_same(database: Database) -> None:
    connection = database.connect(autocommit=True)
    first = history(connection)
    assert first[2] is None
    assert epoch.watch(connection) is None
    seen = history(connection)
    assert (seen[0], seen[2] is None) == (first[0], False)
    assert epoch.watch(database.connect(autocommit=True)) is None
    assert history(connection) == seen


def test_a_restored_database_is_another_history(database: Database, migrated: Postgres) -> None:
    connection = database.connect(autocommit=True)
    publish(connection, ("mailbox", a_mailbox(connection)))
    epoch.watch(connection)
    before = history(connection)
    database.close()
    with cloned(migrated, database.name, restored=True) as restored:
        elsewhere = restored.connect(autocommit=True)
        begun = epoch.watch(elsewhere)
        after = history(elsewhere)
        assert begun == after[0] != before[0]
        assert after[1] == before[1]
        assert epoch.watch(elsewhere) is None
        said = elsewhere.execute("SELECT actor, object_key FROM audit WHERE action = 'history.begun'").fetchall()
        assert said == [("database", before[0])]


def test_a_timeline_is_part_of_the_place(database: Database) -> None:
    """From an archive the same cluster goes on, on another timeline."""
    connection = database.connect(autocommit=True)
    epoch.watch(connection)
    cluster, timeline, number = str(history(connection)[2]).split("/")
    assert timeline == "00000001"
    connection.execute("UPDATE directory SET witness = %s", (f"{cluster}/00000000/{number}",))
    assert epoch.watch(connection)

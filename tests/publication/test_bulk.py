"""The first publication of a whole registry equals the drain's, and a build that is cut short leaves no trace."""

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import psycopg
import pytest

from app.db import connect
from app.publication import bulk, drain
from app.settings import Settings
from tests.harness.database import Database
from tests.publication.world import WORLD, assert_dictionary, assert_world
from tests.publication.world import drain as drain_marks

ROWS = {
    "publication": "SELECT kind, key, fingerprint, slot FROM publication ORDER BY 1, 2",
    "alias": "SELECT * FROM alias ORDER BY 1, 2, 3",
    "mailbox_search": "SELECT * FROM mailbox_search ORDER BY 1",
    "organization_search": "SELECT * FROM organization_search ORDER BY 1, 2",
    "practitioner_search": "SELECT * FROM practitioner_search ORDER BY 1",
    "name_token": "SELECT * FROM name_token ORDER BY 1, 2, 3",
    "name_word": "SELECT * FROM name_word ORDER BY 1, 2",
    "name_deletion": "SELECT * FROM name_deletion ORDER BY 1, 2, 3",
}
CATALOGUE = """
SELECT c.relname, i.relname, pg_get_indexdef(x.indexrelid) FROM pg_index x
JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
WHERE c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT relname, relkind::text, coalesce(reloptions::text, '') FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION ALL
SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
ORDER BY 1, 2, 3
"""


@pytest.fixture
def world(database: Database) -> psycopg.Connection[Any]:
    connection = database.connect()
    connection.execute(WORLD)
    connection.execute("INSERT INTO pending (kind, key) VALUES ('registry', '')")
    connection.commit()
    return connection


def rows(connection: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    found = {name: connection.execute(statement).fetchall() for name, statement in ROWS.items()}
    connection.commit()
    return found


def build(settings: Settings) -> int:
    with connect(settings, autocommit=True) as connection:
        return bulk.publish_all(settings, connection)


def test_it_writes_what_the_drain_writes(world: psycopg.Connection[Any], settings: Settings) -> None:
    catalogue = world.execute(CATALOGUE).fetchall()
    drain_marks(world)
    drained = rows(world)
    for table in bulk.TABLES:
        world.execute(f"DELETE FROM {table}")
    world.execute("UPDATE directory SET edition = 0")
    world.execute("INSERT INTO pending (kind, key) VALUES ('registry', '')")
    world.commit()
    edition = build(settings)
    assert rows(world) == drained
    assert edition == len(drained["publication"])
    assert_world(world)
    assert world.execute("SELECT count(*) FROM pending").fetchone() == (0,)
    assert world.execute(CATALOGUE).fetchall() == catalogue
    # What is published afterwards enters its names, too.
    world.execute("UPDATE practice SET family = 'NOUVEAU NOM'")
    world.execute("INSERT INTO pending (kind, key) SELECT 'practitioner', national_id FROM practitioner")
    world.commit()
    drain_marks(world)
    assert_dictionary(world)


@pytest.mark.parametrize(
    "kept", [(), ("organization_record",), ("organization_record", "practitioner")], ids=["nothing", "places", "people"]
)
def test_a_registry_that_lacks_a_kind_is_published_as_it_is(
    kept: tuple[str, ...], world: psycopg.Connection[Any], settings: Settings
) -> None:
    """The registers are loaded before the mailboxes are: no row of a kind is no range of keys."""
    for table in ("mailbox", "practitioner", "organization_record"):
        if table not in kept:
            world.execute(f"TRUNCATE {table} CASCADE".encode())
    world.commit()
    edition = build(settings)
    assert_world(world)
    kinds = {kind for (kind,) in world.execute("SELECT DISTINCT kind FROM publication")}
    assert kinds == {"organization" if table == "organization_record" else table for table in kept}
    assert (edition > 0, world.execute("SELECT count(*) FROM pending").fetchone()) == (bool(kept), (0,))


def test_a_command_takes_this_way_by_itself(world: psycopg.Connection[Any], settings: Settings) -> None:
    told: list[int] = []
    edition = drain.drain_all(settings, progress=told.append)
    assert told[-1] == 0
    assert world.execute("SELECT count(*) FROM publication").fetchone() == (edition,)
    assert_world(world)


@pytest.mark.parametrize("table", ["mailbox", "practitioner"])
def test_a_registry_without_rows_of_a_kind_is_built_as_well(
    world: psycopg.Connection[Any], settings: Settings, table: str
) -> None:
    world.execute(f"TRUNCATE {table} CASCADE")
    world.commit()
    assert build(settings) > 0
    assert_world(world)


def test_a_build_that_was_cut_short_is_begun_anew(
    world: psycopg.Connection[Any], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = world.execute("SELECT count(*) FROM pending").fetchone()
    world.commit()

    def cut(*_: object) -> int:
        raise InterruptedError("cut short before the swap")

    with monkeypatch.context() as patch:
        patch.setattr(bulk, "_swap", cut)
        with pytest.raises(InterruptedError):
            build(settings)
    assert world.execute("SELECT count(*) FROM publication").fetchone() == (0,)
    assert world.execute("SELECT count(*) FROM pending").fetchone() == marks
    world.commit()
    build(settings)
    assert_world(world)
    assert world.execute("SELECT count(*) FROM pg_class WHERE relname LIKE '%%\\_next%%'").fetchone() == (0,)


def test_a_fault_of_one_worker_is_raised_and_nothing_is_published(
    world: psycopg.Connection[Any], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(bulk.STATEMENTS, "mailbox", "SELECT 1 / 0, %(first)s, %(last)s, %(at)s")
    with pytest.raises(psycopg.errors.DivisionByZero):
        build(settings)
    assert world.execute("SELECT count(*) FROM publication").fetchone() == (0,)
    world.commit()
    assert world.execute("SELECT pg_try_advisory_lock(4)").fetchone() == (True,)


def test_marks_that_come_meanwhile_stay(world: psycopg.Connection[Any], settings: Settings) -> None:
    with connect(settings, autocommit=True) as late:
        real = bulk._make_tables

        def mark_late(connection: psycopg.Connection[Any]) -> None:
            late.execute("INSERT INTO pending (kind, key) VALUES ('mailbox', 'late@ch-exemple.mssante.fr')")
            real(connection)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bulk, "_make_tables", mark_late)
            build(settings)
    assert world.execute("SELECT key FROM pending").fetchall() == [("late@ch-exemple.mssante.fr",)]


def test_a_mark_for_the_registry_is_spread_where_something_is_published(
    world: psycopg.Connection[Any], settings: Settings
) -> None:
    build(settings)
    edition = drain.drain_all(settings)
    world.execute("INSERT INTO pending (kind, key) VALUES ('registry', '')")
    world.execute("UPDATE mailbox SET service = 'NEUF' WHERE address = 'anne@ch-exemple.mssante.fr'")
    world.commit()
    assert drain.drain_all(settings) == edition + 2
    assert_world(world)


def test_an_address_hidden_before_the_first_publication_answers_like_one_that_never_was(
    world: psycopg.Connection[Any], settings: Settings
) -> None:
    hidden, open_one = "anne@ch-exemple.mssante.fr", "gone@ch-exemple.mssante.fr"
    world.execute("UPDATE mailbox SET unlisted = true WHERE address = %s", (hidden,))
    world.execute(
        "INSERT INTO withdrawn (address, since, reason) SELECT a, now(), 'withdrawn' FROM unnest(%s::text[]) a",
        ([hidden, open_one],),
    )
    world.commit()
    build(settings)
    assert world.execute("SELECT address FROM withdrawn").fetchall() == [(open_one,)]


def test_privileges_on_the_tables_outlast_the_swap(world: psycopg.Connection[Any], settings: Settings) -> None:
    privileges = "SELECT relname, relacl::text FROM pg_class WHERE relname = ANY (%s) ORDER BY 1"
    world.execute("GRANT SELECT ON publication, alias TO PUBLIC")
    world.execute("GRANT SELECT, INSERT ON mailbox_search TO pg_monitor WITH GRANT OPTION")
    before = world.execute(privileges, (list(bulk.TABLES),)).fetchall()
    world.commit()
    build(settings)
    assert world.execute(privileges, (list(bulk.TABLES),)).fetchall() == before


def test_a_reader_of_the_empty_publication_delays_the_swap_and_is_not_stopped(
    world: psycopg.Connection[Any], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "SWAP_PATIENCE", "10ms")
    with connect(settings) as reader:
        assert reader.execute("SELECT count(*) FROM publication").fetchone() == (0,)
        builder = threading.Thread(target=build, args=(settings,))
        builder.start()
        builder.join(1.5)
        assert builder.is_alive(), "the swap must wait for the reader"
        assert reader.execute("SELECT count(*) FROM publication").fetchone() == (0,)
    builder.join(60)
    assert_world(world)


@pytest.mark.parametrize("stage", ["filling", "indexing", "swapping"])
def test_a_builder_killed_in_any_stage_leaves_everything_to_the_next(
    world: psycopg.Connection[Any], settings: Settings, stage: str
) -> None:
    marks = world.execute("SELECT count(*) FROM pending").fetchone()
    world.commit()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, stage], env=as_environment(settings), check=False, timeout=60
    )
    assert killed.returncode == -signal.SIGKILL
    assert world.execute("SELECT count(*) FROM publication").fetchone() == (0,)
    assert world.execute("SELECT count(*) FROM pending").fetchone() == marks
    world.commit()
    assert drain.drain_all(settings) > 0
    assert_world(world)


KILLED = """
import os, signal, sys
from app.db import connect
from app.publication import bulk
from app.settings import Settings
def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == 'filling':
    bulk.counting_down = lambda *_: kill
elif sys.argv[1] == 'indexing':
    bulk._indexes = kill
else:
    bulk._rename = kill
settings = Settings(_env_file=None)
with connect(settings, autocommit=True) as connection:
    bulk.publish_all(settings, connection)
"""


def as_environment(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "ANNUAIRE_DATABASE_URL": str(settings.database_url),
        "ANNUAIRE_KEY_PEPPER": "pepper-of-the-tests",
    }

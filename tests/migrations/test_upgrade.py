"""An upgrade that others are in the way of: it gives up soon, undoes what it did, names them, and goes on later."""

import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory

from app.console import Refused
from app.db import alembic_config
from app.embedded import Postgres
from app.schema import upgrade
from app.schema.standing import Standing, look, missing, scripts, served
from app.schema.upgrade import bring_up
from tests.faults.gate import until
from tests.harness.database import Database
from tests.harness.next_version import ADDS, INDEXES, next_config

Connection = psycopg.Connection[Any]
HEAD = scripts().get_heads()[0]
# As the examples, with less patience.
HASTY = {"lock_timeout = '1s'": "lock_timeout = '200ms'", "lock_timeout = '10min'": "lock_timeout = '200ms'"}
INDEX = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix_mailbox_read_since')"
ADDED = """
SELECT to_regclass('reading_system') IS NOT NULL OR EXISTS (
  SELECT FROM pg_attribute WHERE attrelid = 'mailbox'::regclass AND attname = 'read_since')
"""


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrade, "PAUSES", (0.0, 0.0))


def in_the_way(database: Database, statement: str) -> Connection:
    """A long transaction, of a program with a name, that has done this and nothing since."""
    connection = database.connect()
    connection.execute("SET application_name = 'evening report'")
    connection.execute(statement.encode())
    return connection


def test_a_migration_only_adds_and_older_code_may_go_on(database: Database, tmp_path: Path) -> None:
    bring_up(next_config(database.dsn, tmp_path))
    connection = database.connect(autocommit=True)
    assert connection.execute(INDEX).fetchone() == (True,)
    standing = look(connection)
    assert standing.revisions == (INDEXES,)
    assert standing.serves([INDEXES])
    assert standing.serves([ADDS])
    assert standing.serves([HEAD])
    assert not standing.serves(["0001"])
    assert not standing.serves([])
    assert missing(standing) == []


def test_the_way_back_takes_the_promise_back(database: Database, tmp_path: Path) -> None:
    config = next_config(database.dsn, tmp_path)
    bring_up(config)
    command.downgrade(config, HEAD)
    standing = look(database.connect())
    assert standing == Standing((HEAD,), standing.comment)
    assert standing.serves([HEAD])
    assert not standing.serves([ADDS])


def test_a_long_transaction_makes_it_give_up_and_is_named_without_its_words(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = next_config(database.dsn, tmp_path, HASTY)
    report = in_the_way(database, "SELECT count(*) FROM mailbox WHERE address = 'anne.canari@ch-exemple.mssante.fr'")
    with pytest.raises(Refused) as refusal:
        bring_up(config)
    said = refusal.value.message
    assert refusal.value.code == "schema.blocked"
    assert said.startswith(
        f"3 times another session was in the way of a migration (AccessExclusiveLock on mailbox, held up by "
        f"[pid {report.info.backend_pid}, evening report, role "
    )
    assert "idle in transaction, transaction since " in said
    assert "canari" not in said + capsys.readouterr().err
    watch = database.connect(autocommit=True)
    assert look(watch).revisions == (HEAD,)
    assert watch.execute(ADDED).fetchone() == (False,)
    report.close()
    bring_up(config)
    assert look(watch).revisions == (INDEXES,)


def test_who_queues_behind_a_migration_is_let_through_while_the_one_ahead_goes_on(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "PAUSES", ())
    config = next_config(database.dsn, tmp_path, HASTY)
    watch = database.connect(autocommit=True)
    report = in_the_way(database, "SELECT FROM mailbox")
    refusals: list[str] = []

    def migrate() -> None:
        try:
            bring_up(config)
        except Refused as refused:
            refusals.append(refused.code)

    migrating = threading.Thread(target=migrate)
    migrating.start()
    waits = "SELECT count(*) FROM pg_locks WHERE relation = 'mailbox'::regclass AND NOT granted"
    while migrating.is_alive() and watch.execute(waits).fetchone() == (0,):
        pass
    # Behind the queue if the migration still waits; `report` holds its lock all the time.
    watch.execute("UPDATE mailbox SET description = 'x'")
    migrating.join()
    assert refusals == ["schema.blocked"]
    assert report.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS


def test_an_index_that_was_cut_short_is_built_again(database: Database, tmp_path: Path) -> None:
    config = next_config(database.dsn, tmp_path, HASTY)
    bring_up(config, ADDS)
    writer = in_the_way(database, "UPDATE mailbox SET description = 'x'")
    with pytest.raises(Refused) as refusal:
        bring_up(config)
    assert refusal.value.code == "schema.blocked"
    assert "evening report" in refusal.value.message
    watch = database.connect(autocommit=True)
    assert watch.execute(INDEX).fetchone() == (False,)
    assert look(watch).revisions == (ADDS,)
    writer.close()
    bring_up(config)
    assert watch.execute(INDEX).fetchone() == (True,)


def test_a_statement_that_takes_too_long_is_ended_and_undone(database: Database, tmp_path: Path) -> None:
    slow = {"'5s'": "'50ms'", "    op.add_column(": '    op.execute("SELECT pg_sleep(60)")\n    op.add_column('}
    with pytest.raises(Refused) as refusal:
        bring_up(next_config(database.dsn, tmp_path, slow))
    assert refusal.value.code == "schema.too_slow"
    assert database.connect().execute(ADDED).fetchone() == (False,)


def test_two_upgrades_take_turns_and_the_waiting_one_holds_nothing_up(database: Database, tmp_path: Path) -> None:
    watch, first = database.connect(autocommit=True), database.connect(autocommit=True)
    first.execute("SELECT pg_advisory_lock(5)")
    second = threading.Thread(target=bring_up, args=(next_config(database.dsn, tmp_path),))
    second.start()
    # An index that the first one builds concurrently would wait for a snapshot.
    asks = "SELECT pid FROM pg_stat_activity WHERE application_name ~ '^annuaire-migration/' AND query ~ 'ROLLBACK'"
    until(lambda: watch.execute(f"{asks} AND state = 'idle' AND backend_xmin IS NULL".encode()).fetchone(), "it asks")
    assert look(watch).revisions == (HEAD,)
    first.close()
    second.join()
    assert look(watch).revisions == (INDEXES,)


@pytest.mark.parametrize(
    ("floors", "serves"),
    [
        ((None, None), [INDEXES]),
        ((HEAD, ADDS), [INDEXES, ADDS]),
        ((HEAD, HEAD), [INDEXES, ADDS, HEAD]),
        # It would go along with the oldest, but the one between does not.
        ((None, HEAD), [INDEXES, ADDS]),
        ((HEAD, None), [INDEXES]),
    ],
)
def test_code_is_served_that_every_later_migration_serves(
    tmp_path: Path, floors: tuple[str | None, str | None], serves: list[str]
) -> None:
    config = next_config("postgresql://", tmp_path)
    for revision, floor in zip((ADDS, INDEXES), floors, strict=True):
        path = tmp_path / f"{revision}_next.py"
        path.write_text(path.read_text() + f"\ncompatible_with = {floor!r}\n")
    assert served(ScriptDirectory.from_config(config), INDEXES) == serves


def test_a_migration_that_names_a_later_one_is_refused(tmp_path: Path) -> None:
    config = next_config(
        "postgresql://", tmp_path, {f'compatible_with: str | None = "{HEAD}"': "compatible_with = '9043'"}
    )
    with pytest.raises(ValueError, match="which comes not before it"):
        served(ScriptDirectory.from_config(config), ADDS)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_name_is_refused(migrated: Postgres, encoding: str) -> None:
    """Debian's cluster is SQL_ASCII where nobody set a language before PostgreSQL was installed."""
    name = f"kept_in_{encoding.lower()}"
    with psycopg.connect(migrated.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'".encode())
        try:
            with pytest.raises(Refused, match=f"kept in {encoding}") as refused:
                bring_up(alembic_config(migrated.dsn(name)))
            assert refused.value.code == "schema.encoding"
        finally:
            connection.execute(f"DROP DATABASE {name}".encode())

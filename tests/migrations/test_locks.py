"""What is told of an upgrade before it: locks as they were measured, who may go on, and what squawk says."""

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from app.schema import outlook
from app.schema.locks import Lock, measured
from app.schema.program import application, program
from app.schema.standing import scripts
from tests.harness.database import Database
from tests.harness.next_version import ADDS, INDEXES, next_config
from tests.migrations.measured import Measure, measure
from tests.migrations.squawk import explanations, lint, squawk


def both(database: Database, folder: Path, changes: dict[str, str] | None = None) -> list[Measure]:
    """Both migrations of the next version, measured."""
    config = next_config(database.dsn, folder, changes)
    return [measure(config, database.dsn, revision) for revision in (ADDS, INDEXES)]


def test_the_locks_of_every_migration_are_known() -> None:
    assert sorted(measured()) == sorted(step.revision for step in scripts().walk_revisions())


def test_every_newer_migration_says_which_code_it_lets_go_on_and_has_no_finding() -> None:
    for step in scripts().walk_revisions():
        if step.revision > "0014":
            assert hasattr(step.module, "compatible_with"), step.revision
            assert not any(step.revision in found for found in explanations().values())


def test_a_column_locks_its_table_briefly_and_an_index_lets_others_write(database: Database, tmp_path: Path) -> None:
    adds, indexes = both(database, tmp_path)
    assert adds.locks == [Lock("mailbox", "ACCESS EXCLUSIVE")]
    assert indexes.locks == [Lock("mailbox", "SHARE UPDATE EXCLUSIVE", reads=True, indexes=True)]
    found = [fault for fault in lint([adds, indexes]) if "explains" not in fault]
    assert found == []


@pytest.mark.parametrize(
    ("instead", "lock", "rule"),
    [
        (
            'op.execute("ALTER TABLE api_key ALTER COLUMN name TYPE varchar(99)")',
            Lock("api_key", "ACCESS EXCLUSIVE", reads=True, rewrites=True),
            "changing-column-type",
        ),
        (
            'op.execute("ALTER TABLE mailbox ADD CONSTRAINT ck_mailbox_x CHECK (length(address) < 999)")',
            Lock("mailbox", "ACCESS EXCLUSIVE", reads=True),
            "constraint-missing-not-valid",
        ),
        (
            'op.execute("CREATE INDEX ix_mailbox_read_since ON mailbox (service)")',
            Lock("mailbox", "SHARE", reads=True, indexes=True),
            "require-concurrent-index-creation",
        ),
    ],
)
def test_what_reads_or_rewrites_a_table_under_its_lock_is_seen(
    database: Database, tmp_path: Path, instead: str, lock: Lock, rule: str
) -> None:
    adds = 'op.add_column("mailbox", sa.Column("read_since", sa.DateTime(timezone=True), nullable=True))'
    config = next_config(database.dsn, tmp_path, {adds: instead})
    found = measure(config, database.dsn, ADDS)
    assert found.locks == [lock]
    assert rule in set(squawk(found.script.inside, "--assume-in-transaction"))
    assert any(rule in fault for fault in lint([found]))


def test_the_outlook_tells_locks_rows_and_who_may_go_on(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = ScriptDirectory.from_config(next_config(database.dsn, tmp_path))
    locks = {
        ADDS: [Lock("mailbox", "ACCESS EXCLUSIVE")],
        INDEXES: [Lock("mailbox", "SHARE UPDATE EXCLUSIVE", indexes=True)],
    }
    monkeypatch.setattr(outlook, "measured", lambda: locks)
    connection, present, older, foreign = (database.connect(autocommit=True) for _ in range(4))
    present.execute(f"SET application_name = '{application('annuaire-api')}'".encode())
    older.execute("SET application_name = 'annuaire/0.0.9+0001'")
    foreign.execute("SET application_name = 'report'")
    connection.execute("UPDATE pg_class SET reltuples = 12345 WHERE relname = 'mailbox'")
    found = outlook.examine(connection, directory)
    assert [(each.revision, each.goes_on) for each in found.migrations] == [(ADDS, True), (INDEXES, True)]
    assert {each.application: each.goes_on for each in found.connected} == {
        application("annuaire-api"): True,
        "annuaire/0.0.9+0001": False,
    }
    said = outlook.told(found)
    assert f"{ADDS}  Mailboxes remember since when they are read, and by which systems." in said
    assert "mailbox: ACCESS EXCLUSIVE, blocks reads and writes, briefly" in said
    assert "mailbox: SHARE UPDATE EXCLUSIVE, blocks nothing, for all of its about 12 345 rows" in said
    assert "report" not in said
    assert found.space.copied > 0
    assert found.space.database > found.space.copied
    assert found.standbys == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("annuaire-api/0.1.0+0014", ("annuaire-api", "0.1.0", "0014")),
        ("annuaire-consultations", ("annuaire-consultations", None, None)),
        ("psql", None),
        ("annuaire 1", None),
    ],
)
def test_a_program_of_ours_is_known_by_its_name(name: str, found: tuple[str | None, ...] | None) -> None:
    assert program(name) == found

"""Plans: kept, reviewed, and applied exactly or not at all."""

import threading
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.console import Refused
from app.imports import runs
from app.imports.guards import NAMES
from app.imports.options import Options
from app.imports.pipeline import import_files
from app.imports.report import Report
from app.sandbox.generate import Generated, generate
from app.settings import Settings
from tests.harness.database import Database
from tests.imports import files, state
from tests.imports.files import edited, run, run_one, written

Connection = psycopg.Connection[Any]
UNLOGGED = """
SELECT format('TRUNCATE %I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence = 'u' AND c.relkind = 'r'
"""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return generate(60, 3, tmp_path_factory.mktemp("day"))


@pytest.fixture
def connection(database: Database) -> Connection:
    return database.connect(autocommit=True)


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(tmp_path / "rejects", by="jeanne")


@pytest.fixture
def loaded(settings: Settings, options: Options, day: Generated) -> Generated:
    """A small directory, whole."""
    reports = run(settings, options.rejects, *(file.path for file in day.files))
    assert {report.state for report in reports} == {"applied"}
    return day


def planned(settings: Settings, path: Path) -> Report:
    report = run_one(settings, path, dry_run=True)
    assert (report.state, report.exit_code) == ("planned", 0)
    return report


def refused(settings: Settings, connection: Connection, options: Options, run_id: str) -> Refused:
    """Why this plan was not applied; nothing changed."""
    before = state.whole(connection)
    with pytest.raises(Refused) as found:
        state.apply(settings, run_id, options)
    assert state.whole(connection) == before
    assert connection.execute("SELECT count(*) FROM pending").fetchone() == (0,)
    return found.value


def test_a_plan_applied_later_does_what_the_run_at_once_does(
    settings: Settings, connection: Connection, options: Options, loaded: Generated, tmp_path: Path
) -> None:
    path = edited(loaded.mailboxes.path, tmp_path)
    before = state.said(connection)
    plan = planned(settings, path)
    assert state.said(connection) == before
    done = state.apply(settings, plan.run, options)
    assert (done.state, done.planned_by, done.applied_by) == ("applied", "command line", "jeanne")
    assert done.diff == plan.diff == {"create": 1, "update": 1, "close": 1, "same": plan.diff["same"]}
    after = state.said(connection)
    state.undo(settings, done.run, options)
    assert state.said(connection) == before
    run_one(settings, path)
    assert state.said(connection) == after


def test_the_receipt_tells_the_edition_at_which_it_was_applied_not_planned(
    settings: Settings, connection: Connection, options: Options, loaded: Generated, tmp_path: Path
) -> None:
    plan = planned(settings, edited(loaded.mailboxes.path, tmp_path))
    connection.execute("INSERT INTO operator (id, name) VALUES ('1990000036', 'LATER')")
    address = connection.execute("SELECT key FROM publication WHERE kind = 'mailbox' ORDER BY key LIMIT 1").fetchone()
    assert address is not None
    connection.execute("UPDATE mailbox SET operator = '1990000036' WHERE address = %s", address)
    connection.execute("SELECT publish(ARRAY['mailbox'], %s)", [list(address)])
    now = connection.execute("SELECT edition FROM directory").fetchone()
    state.apply(settings, plan.run, options)
    receipt = runs.find(connection, plan.run)
    assert (receipt.edition_before,) == now
    assert receipt.edition_before != plan.edition_before


def test_a_plan_is_applied_once(settings: Settings, connection: Connection, options: Options) -> None:
    plan = planned(settings, files.MAILBOXES)
    state.apply(settings, plan.run, options)
    found = refused(settings, connection, options, plan.run)
    assert (found.code, "applied" in found.message) == ("import.not_planned", True)


def test_a_file_that_was_refused_leaves_no_plan(
    settings: Settings, connection: Connection, options: Options, tmp_path: Path
) -> None:
    report = run_one(settings, written(tmp_path, "x.txt", b"Dear directory\n"), dry_run=True)
    assert refused(settings, connection, options, report.run).code == "import.not_planned"
    assert refused(settings, connection, options, "nothing").code == "import.unknown_run"


def test_after_another_run_of_the_source_a_plan_is_outdated(
    settings: Settings, connection: Connection, options: Options, loaded: Generated, tmp_path: Path
) -> None:
    plan = planned(settings, edited(loaded.mailboxes.path, tmp_path))
    other = run_one(settings, edited(loaded.mailboxes.path, tmp_path, "other.txt"))
    found = refused(settings, connection, options, plan.run)
    assert (found.code, other.run in found.message) == ("import.outdated", True)


def test_after_an_undo_a_plan_is_outdated(
    settings: Settings, connection: Connection, options: Options, loaded: Generated, tmp_path: Path
) -> None:
    done = run_one(settings, edited(loaded.mailboxes.path, tmp_path))
    plan = planned(settings, edited(loaded.mailboxes.path, tmp_path, "other.txt"))
    state.undo(settings, done.run, options)
    assert refused(settings, connection, options, plan.run).code == "import.outdated"


def touched(connection: Connection, plan: Report, action: str) -> str:
    row = connection.execute(
        "SELECT entity_key FROM import_change WHERE run = %s AND target = 'mailbox' AND action = %s",
        [plan.number, action],
    ).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("action", ["update", "close"])
def test_a_row_that_changed_since_outdates_the_plan_and_is_named(
    settings: Settings, connection: Connection, options: Options, loaded: Generated, tmp_path: Path, action: str
) -> None:
    plan = planned(settings, edited(loaded.mailboxes.path, tmp_path))
    address = touched(connection, plan, action)
    connection.execute("UPDATE mailbox SET description = 'by hand' WHERE address = %s", [address])
    found = refused(settings, connection, options, plan.run)
    assert (found.code, address in found.message) == ("import.outdated", True)


def test_a_row_that_came_since_outdates_the_plan_and_is_named(
    settings: Settings, connection: Connection, options: Options, loaded: Generated, tmp_path: Path
) -> None:
    plan = planned(settings, edited(loaded.mailboxes.path, tmp_path))
    address = touched(connection, plan, "create")
    by_hand(connection, address)
    found = refused(settings, connection, options, plan.run)
    assert (found.code, address in found.message) == ("import.outdated", True)


def by_hand(connection: Connection, address: str) -> None:
    connection.execute(
        "INSERT INTO mailbox (address, domain, type, state, source)"
        " VALUES (%s, split_part(%s, '@', 2), 'ORG', 'active', 'api')",
        [address, address],
    )


def test_a_row_that_came_since_outdates_the_plan_of_a_first_load(
    settings: Settings, connection: Connection, options: Options
) -> None:
    plan = planned(settings, files.MAILBOXES)
    assert plan.mode == "first"
    by_hand(connection, "secretariat.cardio@ch-exemple.mssante.fr")
    assert refused(settings, connection, options, plan.run).code == "import.outdated"


def test_other_writes_do_not_matter(
    settings: Settings, connection: Connection, options: Options, loaded: Generated, tmp_path: Path
) -> None:
    plan = planned(settings, edited(loaded.mailboxes.path, tmp_path))
    written_by_hand = connection.execute(
        "UPDATE mailbox SET description = 'by hand' WHERE state = 'active'"
        " AND address NOT IN (SELECT entity_key FROM import_change WHERE run = %s) RETURNING address",
        [plan.number],
    ).fetchall()
    by_hand(connection, "toute.neuve@ch-exemple.mssante.fr")
    assert state.apply(settings, plan.run, options).state == "applied"
    kept = connection.execute("SELECT count(*) FROM mailbox WHERE description = 'by hand'").fetchone()
    assert kept == (len(written_by_hand),)


def test_plans_of_several_sources_made_beside_each_other_are_all_applied(
    settings: Settings, connection: Connection, options: Options, day: Generated
) -> None:
    # Every one of them would create the people it names: whoever comes first does.
    plans = [planned(settings, file.path) for file in day.files]
    for plan in plans:
        assert state.apply(settings, plan.run, options).state == "applied"
    beside = state.said(connection)
    for plan in reversed(plans):
        state.undo(settings, plan.run, options)
    reports = run(settings, options.rejects, *(file.path for file in day.files))
    assert {report.state for report in reports} == {"applied"}
    one_by_one = state.said(connection)
    assert state.differences(beside[0], one_by_one[0]) == {}
    assert beside[1] == one_by_one[1]


def crash(connection: Connection) -> None:
    """Empty what a crash of PostgreSQL empties."""
    for (statement,) in connection.execute(UNLOGGED).fetchall():
        connection.execute(statement.encode())


@pytest.mark.parametrize("is_first", [True, False])
def test_a_plan_that_a_crash_of_postgresql_emptied_is_lost_and_is_made_again(
    settings: Settings,
    connection: Connection,
    options: Options,
    tmp_path: Path,
    is_first: bool,  # noqa: FBT001 - a value
) -> None:
    if not is_first:
        run_one(settings, files.MAILBOXES)
    path = written(
        tmp_path, "more.txt", files.MAILBOXES.read_bytes().replace(b"anais.modele@ch", b"nouvelle.modele@ch")
    )
    options = Options(options.rejects, frozenset(NAMES))
    plan = run_one(settings, path, dry_run=True)
    crash(connection)
    assert refused(settings, connection, options, plan.run).code == "import.plan_lost"
    again = run_one(settings, path, dry_run=True)
    assert again.diff == plan.diff
    assert state.apply(settings, again.run, options).state == "applied"


def test_a_plan_of_lines_that_left_is_lost_as_well(
    settings: Settings, connection: Connection, options: Options, tmp_path: Path
) -> None:
    run_one(settings, files.MAILBOXES)
    lines = files.MAILBOXES.read_text("utf-8").splitlines()
    path = written(tmp_path, "left.txt", "\n".join([*lines[:-1], ""]).encode())
    plan = run_one(settings, path, dry_run=True)
    assert connection.execute("SELECT staged FROM import_run WHERE id = %s", [plan.run]).fetchone() == (0,)
    crash(connection)
    everything = Options(options.rejects, frozenset(NAMES))
    assert refused(settings, connection, everything, plan.run).code == "import.plan_lost"


def test_old_plans_are_dropped_with_their_tables(settings: Settings, connection: Connection, options: Options) -> None:
    plan = planned(settings, files.MAILBOXES)
    connection.execute(
        "UPDATE import_run SET started_at = now() - make_interval(days => %s)", [settings.import_plan_days]
    )
    run_one(settings, files.PERSONS)
    assert refused(settings, connection, options, plan.run).code == "import.plan_lost"
    assert connection.execute(state.LEFT_BEHIND).fetchall() == []


def half(folder: Path) -> Path:
    lines = files.MAILBOXES.read_text("utf-8").splitlines()
    return written(folder, "half.txt", "\n".join(lines[:3]).encode())


def test_a_plan_that_a_guard_refused_is_applied_later_by_accepting_it(
    settings: Settings, connection: Connection, options: Options, tmp_path: Path
) -> None:
    run_one(settings, files.MAILBOXES)
    report = run_one(settings, half(tmp_path))
    assert report.state == "refused"
    found = refused(settings, connection, options, report.run)
    assert (found.code, "--accept-guard shrink" in found.message) == ("import.guarded", True)
    wrong = Options(options.rejects, frozenset({"changes"}))
    assert refused(settings, connection, wrong, report.run).code == "import.guarded"

    done = state.apply(settings, report.run, Options(options.rejects, frozenset({"shrink"}), by="jeanne"))
    assert (done.state, done.diff["close"]) == ("applied", 3)
    (guard,) = [guard for guard in done.guards if guard.name == "shrink"]
    assert (guard.accepted, guard.by) == (True, "jeanne")
    assert guard.at == done.applied_at.isoformat() if done.applied_at else False


@pytest.fixture
def strict(settings: Settings) -> Settings:
    """Settings under which whoever accepts a guard is not whoever made the plan."""
    return settings.model_copy(update={"import_second_person": True})


def asker(options: Options, by: str, *, is_known_key: bool = True) -> Options:
    return Options(options.rejects, frozenset({"shrink"}), by=by, is_known_key=is_known_key)


def test_a_guard_is_accepted_by_the_key_of_a_second_person(
    strict: Settings, connection: Connection, options: Options, tmp_path: Path
) -> None:
    run_one(strict, files.MAILBOXES)
    (report,) = import_files(strict, [half(tmp_path)], asker(options, "key-one"))
    assert (report.state, report.guards[-1].name) == ("refused", "import.second_person_required")
    for first in (asker(options, "key-one"), asker(options, "account jeanne", is_known_key=False)):
        found = refused(strict, connection, first, report.run)
        assert (found.code, "key-one" in found.message) == ("import.second_person_required", True)

    state.apply(strict, report.run, asker(options, "key-two"))
    receipt = runs.find(connection, report.run).as_json()
    assert (receipt["state"], receipt["planned_by"], receipt["applied_by"]) == ("applied", "key-one", "key-two")
    (guard,) = [guard for guard in receipt["guards"] if guard["name"] == "shrink"]
    assert (guard["accepted"], guard["by"], guard["at"]) == (True, "key-two", receipt["applied_at"].isoformat())
    assert receipt["sha256"] == sha256(half(tmp_path).read_bytes()).hexdigest()
    assert receipt["edition"]["before"] < receipt["edition"]["after"]
    assert receipt["lines"] == {"read": 2, "accepted": 2, "rejected": 0, "blank": 0}


def test_a_plan_without_guards_needs_no_second_person(strict: Settings, options: Options) -> None:
    (report,) = import_files(strict, [files.MAILBOXES], asker(options, "account jeanne", is_known_key=False))
    assert report.state == "applied"


def test_two_commands_that_want_the_same_plan_apply_it_once(
    settings: Settings, connection: Connection, options: Options
) -> None:
    plan = planned(settings, files.MAILBOXES)
    outcomes: list[str] = []

    def want() -> None:
        try:
            outcomes.append(state.apply(settings, plan.run, options).state)
        except Refused as found:
            outcomes.append(found.code)

    threads = [threading.Thread(target=want) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(outcomes) == ["applied", "import.not_planned"]
    assert connection.execute("SELECT count(*) FROM mailbox").fetchone() == (5,)

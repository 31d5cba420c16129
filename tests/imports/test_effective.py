"""White lists that count from an hour on: planned until then, applied by the worker, called off, held by a guard."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.access.audit_verify import verify
from app.console import Refused
from app.doctor import examine
from app.imports import effective, queue, runs
from app.imports.effective import FRANCE, cancel, instant, plan_for, schedule
from app.imports.options import Options
from app.imports.pipeline import importer
from app.imports.report import Report
from app.settings import Settings
from tests.builders import a_mailbox, publish
from tests.harness.database import Database
from tests.imports import files
from tests.imports.files import run_one
from tests.imports.test_white_list import A, B, entry, white_list

Connection = psycopg.Connection[Any]
Hour = Callable[[str], None]
PATIENCE = 120.0
LATER = datetime.now(UTC) + timedelta(days=20)
KEEPS, GOES = "keeps.mssante.fr", "goes.mssante.fr"


@pytest.fixture
def connection(database: Database) -> Connection:
    return database.connect(autocommit=True)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"spool_dir": tmp_path / "spool"})


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(tmp_path / "rejects", by="account test")


@pytest.fixture
def lists(settings: Settings, connection: Connection, tmp_path: Path) -> Path:
    """The list in force names two domains, each with a mailbox; the one returned names the first alone, and a third."""
    first = white_list(
        tmp_path, entry(KEEPS), entry(GOES, B), *(entry(f"d{number}.mssante.fr") for number in range(40))
    )
    assert run_one(settings, first).state == "applied"
    made = [a_mailbox(connection, f"bal@{domain}") for domain in (KEEPS, GOES)]
    made += [a_mailbox(connection, f"bal@d{number}.mssante.fr") for number in range(40)]
    publish(connection, *(("mailbox", address) for address in made))
    others = (entry(f"d{number}.mssante.fr") for number in range(40))
    return white_list(tmp_path, entry(KEEPS), entry("comes.mssante.fr"), *others)


def planned(settings: Settings, path: Path, options: Options, at: datetime = LATER) -> Report:
    return plan_for(settings, path, options, at)


def addresses(connection: Connection) -> set[str]:
    rows = connection.execute("SELECT key FROM publication WHERE kind = 'mailbox'").fetchall()
    return {address.partition("@")[2] for (address,) in rows} & {KEEPS, GOES}


def domains(connection: Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM domain WHERE name !~ '^d[0-9]'").fetchall()
    return {name for (name,) in rows}


def wish(connection: Connection, run: str) -> Any:
    return connection.execute("SELECT wish, spool IS NOT NULL FROM import_run WHERE id = %s", [run]).fetchone()


def comes(connection: Connection, run: str) -> None:
    """The hour of a run comes: nobody waits for it here."""
    connection.execute("UPDATE import_run SET effective_at = now() WHERE id = %s", [run])


@contextmanager
def worker(settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=queue.run, args=(settings, stop))
    thread.start()
    yield
    stop.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def settle(settings: Settings, connection: Connection, run: str) -> Report:
    """Let a worker do what is due until it has nothing more to do with this run."""
    pause = threading.Event()
    with worker(settings):
        for _ in range(int(PATIENCE / 0.05)):
            if wish(connection, run)[0] is None:
                break
            pause.wait(0.05)
    return runs.find(connection, run)


def actions(connection: Connection) -> list[str]:
    assert verify(connection).faults == []
    rows = connection.execute("SELECT action FROM audit WHERE action LIKE 'import.%' ORDER BY sequence").fetchall()
    return [action for (action,) in rows]


def test_a_list_waits_for_its_hour_and_is_applied_when_it_comes(
    settings: Settings, connection: Connection, options: Options, lists: Path
) -> None:
    report = planned(settings, lists, options)
    assert (report.state, report.diff["close"], report.diff["create"]) == ("planned", 1, 1)
    found = runs.find(connection, report.run)
    assert (found.state, found.effective_at) == ("planned", LATER)
    lists.unlink()  # what counts was kept
    assert connection.execute(queue.OLDEST).fetchone() is None
    assert domains(connection) == {KEEPS, GOES}
    assert wish(connection, report.run) == ("apply", True)

    comes(connection, report.run)
    done = settle(settings, connection, report.run)
    assert (done.state, done.applied_by, done.planned_by) == ("applied", "account test", "account test")
    assert domains(connection) == {KEEPS, "comes.mssante.fr"}
    assert addresses(connection) == {KEEPS}
    assert list(settings.spool_dir.iterdir()) == []
    withdrawn = connection.execute("SELECT address, reason FROM withdrawn").fetchall()
    assert withdrawn == [(f"bal@{GOES}", "domain_unlisted")]
    told = connection.execute("SELECT operator, key FROM notice WHERE code = 'domain.removed'").fetchall()
    assert told == [("318751275100020", GOES)]
    assert actions(connection)[2:] == ["import.planned", "import.scheduled", "import.planned", "import.applied"]


def test_an_hour_that_is_over_counts_from_now_on(
    settings: Settings, connection: Connection, options: Options, lists: Path
) -> None:
    report = planned(settings, lists, options, datetime(2020, 1, 1, tzinfo=UTC))
    assert settle(settings, connection, report.run).state == "applied"
    assert addresses(connection) == {KEEPS}


def test_at_its_hour_a_list_is_compared_with_what_came_between(
    settings: Settings, connection: Connection, options: Options, lists: Path, tmp_path: Path
) -> None:
    report = planned(settings, lists, options)
    others = (entry(f"d{number}.mssante.fr") for number in range(40))
    between = white_list(tmp_path, entry(KEEPS), entry(GOES, B), entry("between.mssante.fr", A), *others)
    assert run_one(settings, between).state == "applied"
    comes(connection, report.run)
    assert settle(settings, connection, report.run).state == "applied"
    assert domains(connection) == {KEEPS, "comes.mssante.fr"}


def test_a_plan_that_a_crash_emptied_is_made_again_at_its_hour(
    settings: Settings, connection: Connection, options: Options, lists: Path
) -> None:
    report = planned(settings, lists, options)
    connection.execute(f"DROP SCHEMA import_run_{report.number} CASCADE")
    comes(connection, report.run)
    assert settle(settings, connection, report.run).state == "applied"


def test_a_list_for_an_hour_outlives_the_days_of_plans(
    settings: Settings, connection: Connection, options: Options, lists: Path
) -> None:
    report = planned(settings, lists, options)
    connection.execute("UPDATE import_run SET started_at = now() - interval '60 days'")
    with importer(settings):
        pass  # every importer prunes
    changes = connection.execute("SELECT count(*) > 0 FROM import_change WHERE run = %s", [report.number]).fetchone()
    assert changes == (True,)
    kept = connection.execute("SELECT to_regnamespace(%s) IS NOT NULL", [f"import_run_{report.number}"]).fetchone()
    assert kept == (True,)  # for somebody who does not wait
    comes(connection, report.run)
    assert settle(settings, connection, report.run).state == "applied"


def test_a_list_is_called_off(settings: Settings, connection: Connection, options: Options, lists: Path) -> None:
    report = planned(settings, lists, options)
    cancel(connection, settings, report.run, options)
    assert wish(connection, report.run) == (None, False)
    assert list(settings.spool_dir.iterdir()) == []
    with pytest.raises(Refused, match="waits for no hour"):
        cancel(connection, settings, report.run, options)
    assert actions(connection)[-1] == "import.cancelled"


@pytest.mark.usefixtures("lists")
def test_what_a_guard_refuses_waits_for_somebody_who_accepts_it(
    settings: Settings, connection: Connection, options: Options, tmp_path: Path
) -> None:
    short = white_list(tmp_path, entry(KEEPS))
    report = planned(settings, short, options)
    assert (report.state, wish(connection, report.run)) == ("refused", (None, True))
    assert {guard.name for guard in report.guards if guard.refuses} >= {"shrink", "unlisted_mailboxes"}
    two = settings.model_copy(update={"import_second_person": True})
    accepted = frozenset(guard.name for guard in report.guards)
    other = Options(tmp_path, accepted, by="another", is_known_key=True)
    for asker, code in (
        (options, "import.guarded"),
        (Options(tmp_path, accepted, by="account test"), "import.second_person_required"),
    ):
        with pytest.raises(Refused) as refused:
            schedule(connection, two, runs.find(connection, report.run), asker)
        assert refused.value.code == code
    assert schedule(connection, two, runs.find(connection, report.run), other).state == "planned"
    comes(connection, report.run)
    done = settle(two, connection, report.run)
    assert (done.state, done.planned_by, done.applied_by) == ("applied", "account test", "another")
    assert addresses(connection) == {KEEPS}


def test_a_guard_that_speaks_only_at_the_hour_holds_the_list(
    settings: Settings, connection: Connection, options: Options, lists: Path
) -> None:
    report = planned(settings, lists, options)
    connection.execute("UPDATE import_guard SET threshold = 0 WHERE (source, name) = ('liste_blanche', 'shrink')")
    comes(connection, report.run)
    done = settle(settings, connection, report.run)
    assert (done.state, [guard.name for guard in done.guards if guard.refuses]) == ("refused", ["shrink"])
    assert domains(connection) == {KEEPS, GOES}


def test_only_a_white_list_has_an_hour(settings: Settings, options: Options) -> None:
    with pytest.raises(Refused, match="only a white list"):
        planned(settings, files.MAILBOXES, options)


def test_a_broken_list_is_refused_and_waits_for_nothing(
    settings: Settings, connection: Connection, options: Options
) -> None:
    report = planned(settings, files.CUT_LIST, options)
    assert (report.state, report.guards[0].name) == ("refused", "xml.truncated")
    with pytest.raises(Refused):
        schedule(connection, settings, report, options)


def test_the_doctor_tells_what_waits_and_what_is_overdue(
    settings: Settings, connection: Connection, options: Options, lists: Path
) -> None:
    def found() -> tuple[bool | None, str]:
        return next((each.ok, each.detail) for each in examine(settings) if each.name == "white list")

    assert "another one" not in found()[1]
    report = planned(settings, lists, options)
    assert (found()[0], f"another one counts from {LATER:%Y-%m-%d}" in found()[1]) == (True, True)
    comes(connection, report.run)
    assert found()[0] is True
    connection.execute("UPDATE import_run SET effective_at = now() - interval '2 hours' WHERE wish IS NOT NULL")
    assert (found()[0], "no worker does imports" in found()[1]) == (False, True)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-12-01T06:00", datetime(2026, 12, 1, 5, tzinfo=UTC)),
        ("2026-07-01T06:00", datetime(2026, 7, 1, 4, tzinfo=UTC)),
        ("2026-12-01T06:00:00Z", datetime(2026, 12, 1, 6, tzinfo=UTC)),
        (" 2026-12-01T06:00+02:00 ", datetime(2026, 12, 1, 4, tzinfo=UTC)),
        ("2026-12-01", datetime(2026, 12, 1, tzinfo=FRANCE)),
    ],
)
def test_an_hour_without_an_offset_is_that_of_france(text: str, at: datetime) -> None:
    assert instant(text) == at


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01", "06:00", "now"])
def test_what_is_no_hour_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        effective.instant(text)
    assert refused.value.code == "import.effective_form"

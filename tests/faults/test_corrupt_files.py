"""Corrupt files (F17): imported exactly, or refused with a reason; every line is accounted for, in bounded memory.

The corpus is `tests.faults.corrupt`. In this process each of its files must do to the letter what is expected of it;
handed to the command, as its admin would, beside a directory in use, none may take much memory.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.embedded import Postgres
from app.imports.guards import NAMES
from app.imports.options import Options
from app.imports.report import Report
from app.settings import PREFIX, Settings
from tests.bench.memory import watched
from tests.faults.conftest import Days, assert_undisturbed, settings_of
from tests.faults.corrupt import CASES, ELSEWHERE, Case, Imported, Refused
from tests.faults.report import Tell, Tried
from tests.harness.database import Database, cloned
from tests.imports import state
from tests.imports.files import run, written
from tests.imports.test_mutations import VALID

ROOT = Path(__file__).parents[2]
MOST_MB = 300.0
STEP, MOST_CUTS = 4_096, 25
ALWAYS = {"a line of 10 MB"}
REJECTS = "SELECT line, code FROM import_reject WHERE run = %s ORDER BY line"


@pytest.fixture(scope="module")
def samples(migrated: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A directory with all the samples, for every case: what one applies it takes back."""
    with cloned(migrated) as database:
        made = settings_of(database.dsn)
        assert {report.state for report in run(made, tmp_path_factory.mktemp("first"), *VALID.values())} == {"applied"}
        yield made


def is_brief(name: str) -> bool:
    """Whether every run tries it: what is refused costs a tenth of what is imported and taken back."""
    case = CASES[name]
    return name in ALWAYS or (isinstance(case.expected, Refused) and not case.is_long)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if is_brief(name) else pytest.mark.fault) for name in CASES]
)
def test_a_corrupt_file_is_imported_exactly_or_refused(
    samples: Settings, tmp_path: Path, tell: Tell, name: str
) -> None:
    case = CASES[name]
    content = case.made()
    with psycopg.connect(samples.database_url, autocommit=True) as connection:
        before = state.whole(connection)
        report = imported_here(samples, tmp_path, content)
        rejected: dict[int, str] = dict(connection.execute(REJECTS, [report.run]).fetchall())
        after = state.said(connection)
        assert report.read == report.accepted + report.rejected + report.blank
        taken_back(samples, tmp_path, report)
        match case.expected:
            case Refused(code, place):
                assert report.state == "refused"
                assert [guard.name for guard in report.guards if guard.refuses] == [code]
                assert place in " ".join(guard.detail for guard in report.guards)
            case Imported():
                assert (report.state, rejected) == ("applied", dict(case.expected.rejected)), report.guards
                assert report.rejected == len(rejected)
                assert after == done_by(samples, tmp_path, connection, alike(case, content))
        assert state.whole(connection) == before
    tell(Tried("F17", "a file of the corpus, in this process", 1, 0, 0))


def imported_here(settings: Settings, folder: Path, content: bytes) -> Report:
    """The report of one file, whatever the guards say."""
    (report,) = run(settings, folder, written(folder, "corrupt", content), accept=NAMES)
    return report


def taken_back(settings: Settings, folder: Path, report: Report) -> None:
    if report.state == "applied" and report.mode != "same":
        state.undo(settings, report.run, Options(folder))


def alike(case: Case, content: bytes) -> bytes:
    """A whole file that must do what this one did."""
    assert isinstance(case.expected, Imported)
    if case.expected.like is not None:
        return case.expected.like
    lines = content.split(b"\n")
    return b"\n".join(line for number, line in enumerate(lines, start=1) if number not in case.expected.rejected)


def done_by(settings: Settings, folder: Path, connection: psycopg.Connection[Any], content: bytes) -> Any:
    """What the registry says after a whole file, which is taken back again."""
    report = imported_here(settings, folder, content)
    assert (report.state, report.rejected) == ("applied", 0)
    after = state.said(connection)
    taken_back(settings, folder, report)
    return after


def imported(database: Database, folder: Path, content: bytes) -> tuple[int, Any, float]:
    """What the command says of a file: (exit code, its JSON, peak memory in MB)."""
    path = written(folder, "corrupt", content)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment |= {"ANNUAIRE_DATABASE_URL": database.dsn, "ANNUAIRE_LDAP_ENABLED": "false"}
    command = [sys.executable, "-m", "app.cli", "import", "run", str(path), "--json", "--rejects", str(folder)]
    found = watched(command, environment)
    return found.status, json.loads(found.said), found.peak_mb


@pytest.mark.fault
@pytest.mark.parametrize("name", CASES)
def test_a_corrupt_file_takes_little_memory(
    loaded: Database, days: Days, tmp_path: Path, tell: Tell, name: str
) -> None:
    status, said, peak = imported(loaded, tmp_path, CASES[name].made())
    assert status in {0, 1, 2}, said
    reports = said if isinstance(said, list) else [said] if "lines" in said else []
    for report in reports:
        lines = report["lines"]
        assert lines["read"] == lines["accepted"] + lines["rejected"] + lines["blank"], report
    if status == 2:
        assert reports or said["error"]["code"], said
        assert_undisturbed(loaded, days.after_first)
    tell(Tried("F17", f"{name} ({peak:.0f} MB)", 1, 0, 0))
    assert 0 < peak < MOST_MB


@pytest.mark.fault
def test_a_file_may_be_cut_anywhere(loaded: Database, days: Days, tmp_path: Path, tell: Tell) -> None:
    """At every 4 KiB of the longest file of the first day: what is left of it is far too little to be the truth."""
    content = max((path.read_bytes() for path in days.first), key=len)
    places = range(0, len(content), max(STEP, len(content) // MOST_CUTS))
    for place in places:
        (report,) = run(settings_of(loaded.dsn), tmp_path, written(tmp_path, "cut", content[:place]))
        assert report.read == report.accepted + report.rejected + report.blank
        if report.state == "refused":
            assert_undisturbed(loaded, days.after_first)
        else:
            # A few lines less than the guards let pass: their rows are closed, as a whole file would say.
            assert (report.state, place) == ("applied", places[-1])
            state.undo(settings_of(loaded.dsn), report.run, Options(tmp_path))
    tell(Tried("F17", f"cut at every {places.step} bytes", len(places), 0, 0))


@pytest.mark.parametrize("where", ELSEWHERE.values(), ids=ELSEWHERE)
def test_what_is_tried_elsewhere_is_there(where: str) -> None:
    path, _, name = where.partition("::")
    assert f"\ndef {name}(" in (ROOT / path).read_text("utf-8")

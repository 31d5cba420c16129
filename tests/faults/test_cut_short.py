"""A "full" file of which most is missing (F18): refused by its guard, whatever its source, until somebody names it."""

from pathlib import Path

import pytest

from app.imports.options import Options
from tests.faults.conftest import Days, assert_undisturbed, settings_of
from tests.faults.report import Tell, Tried
from tests.harness.database import Database
from tests.imports import state
from tests.imports.files import run, written

# Of its lines, those that are left.
LEFT = 0.4


def cut(path: Path, folder: Path) -> Path:
    """The beginning of a file, ended as a whole one ends: its XML closes, its last line is a line."""
    head, *lines = path.read_bytes().splitlines(keepends=True)
    if path.suffix == ".xml":
        entries = path.read_bytes().split(b"<Domaine>")
        kept = entries[: 1 + int(len(entries) * LEFT)]
        tail = b"" if len(kept) == len(entries) else b"</ListeDomaines></ListeBlancheMSSante>"
        return written(folder, path.name, b"<Domaine>".join(kept) + tail)
    return written(folder, path.name, b"".join([head, *lines[: int(len(lines) * LEFT)]]))


@pytest.mark.parametrize("place", [0, *(pytest.param(place, marks=pytest.mark.fault) for place in range(1, 5))])
def test_a_file_of_which_most_is_missing_closes_nothing_unless_it_is_confirmed_by_name(
    loaded: Database, days: Days, tmp_path: Path, tell: Tell, place: int
) -> None:
    settings = settings_of(loaded.dsn)
    path = cut(days.first[place], tmp_path)
    (report,) = run(settings, tmp_path, path, accept=("changes", "domain_losses", "operator_losses"))
    refusing = {guard.name for guard in report.guards if guard.refuses}
    assert report.state == "refused", report
    assert refusing & {"shrink", "file_shrank", "unlisted_mailboxes"}
    assert report.read == report.accepted + report.rejected + report.blank
    assert_undisturbed(loaded, days.after_first)
    accepted = Options(tmp_path, frozenset(guard.name for guard in report.guards))
    assert state.apply(settings, report.run, accepted).state == "applied"
    with loaded.connect(autocommit=True) as connection:
        assert state.said(connection)[1] != days.after_first[1]
        assert state.undo(settings, report.run, accepted).state == "undone"
    assert_undisturbed(loaded, days.after_first)
    tell(Tried("F18", f"{report.source}: 60 % of a full file missing", 1, 0, 0))

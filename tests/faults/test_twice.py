"""F12, everything delivered twice: files, pages of the feed and the work of the loops change nothing more."""

from pathlib import Path

import pytest

from app.imports.guards import NAMES
from app.ldap.sync import sync_once
from app.publication.drain import drain_all
from app.settings import Settings
from tests.faults.conftest import Days, settings_of
from tests.faults.report import Tell, Tried
from tests.faults.world import broken_in, feed, followed, take
from tests.harness.database import Database
from tests.imports import state
from tests.imports.files import run

PAGE = 20


@pytest.mark.fault
def test_the_same_files_again_change_nothing(loaded: Database, days: Days, tmp_path: Path, tell: Tell) -> None:
    settings = settings_of(loaded.dsn)
    run(settings, tmp_path, *days.second, accept=NAMES)
    with loaded.connect(autocommit=True) as connection:
        before = state.whole(connection)
        edition = connection.execute("SELECT edition FROM directory").fetchone()
        reports = run(settings, tmp_path, *days.second, accept=NAMES)
        for report in reports:
            changed = (report.diff["create"], report.diff["update"], report.diff["close"])
            assert (report.state, changed) == ("applied", (0, 0, 0))
        assert state.whole(connection) == before
        assert connection.execute("SELECT edition FROM directory").fetchone() == edition
    broken = broken_in(settings)
    tell(Tried("F12", "each file is imported again", len(reports), 0, len(broken)))
    assert broken == []


def test_the_feed_again_from_any_cursor_leaves_the_same_copy(loaded: Database, tell: Tell) -> None:
    settings = settings_of(loaded.dsn)
    whole = followed(settings)
    with feed(settings) as page_after:
        pages, cursors = [page_after(None, PAGE)], [None]
        while len(pages[-1]["items"]) == PAGE:
            cursors.append(pages[-1]["next"])
            pages.append(page_after(cursors[-1], PAGE))
        for first, cursor in enumerate(cursors):
            copy = dict(whole)
            for page in (page_after(cursor, PAGE), *pages[first + 1 :]):
                for item in page["items"]:
                    take(copy, item)
            assert copy == whole
    assert len(cursors) > 5
    tell(Tried("F12", "the feed is read again from each earlier cursor", len(cursors), 0, 0))


def test_work_that_is_done_again_finds_nothing_to_do(loaded: Database, ldap_settings: Settings, tell: Tell) -> None:
    settings = ldap_settings.model_copy(update={"database_url": loaded.dsn})
    first = sync_once(settings)
    assert first.written.added > 0
    again = sync_once(settings)
    assert (again.before, again.edition, again.reconciled) == (first.edition, first.edition, False)
    assert drain_all(settings) == first.edition
    broken = broken_in(settings)
    tell(Tried("F12", "publication and tree are worked off again", 2, 0, len(broken)))
    assert broken == []

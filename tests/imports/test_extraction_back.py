"""The national file of a snapshot, read by our own importer, changes nothing: it says what the directory says."""

from pathlib import Path

import pytest

from app.db import connect
from app.publication import snapshots
from app.publication.digest import Digest, root
from app.sandbox.generate import generate
from app.settings import Settings
from tests.imports import files
from tests.imports.files import run

WRITES = ("create", "update", "close")


def extraction(settings: Settings) -> list[Path]:
    """The national file of a snapshot of the present edition, plain and zipped."""
    with connect(settings, autocommit=True) as connection:
        made = snapshots.make(settings, connection)
    assert made is not None
    assert made.offered
    return sorted((settings.snapshot_dir / str(made.edition)).glob("Extraction_*"))


def read_back(settings: Settings, folder: Path, closed: int = 0) -> None:
    """Importing it writes nothing, and moves neither edition nor digest; every line of it is good."""
    for path in extraction(settings):
        before = digest(settings)
        (report,) = run(settings, folder, path, accept=("same_file", "older_file"))
        assert (report.source, report.state, report.rejected) == ("mssante", "applied", 0)
        assert {name: report.diff[name] for name in WRITES} == {"create": 0, "update": 0, "close": closed}
        assert report.diff["same"] > 0
        assert digest(settings) == before
        closed = 0


def digest(settings: Settings) -> Digest:
    with connect(settings) as connection:
        return root(connection)


@pytest.fixture
def held(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"snapshot_dir": tmp_path / "snapshots"})


def test_the_samples_read_back_change_nothing(held: Settings, tmp_path: Path) -> None:
    run(held, tmp_path, files.PERSONS, files.SKILLS, files.SITES, files.MAILBOXES)
    read_back(held, tmp_path)


def test_a_synthetic_nation_read_back_changes_nothing(held: Settings, tmp_path: Path) -> None:
    generated = generate(400, 3, tmp_path / "files")
    each = (generated.finess, generated.activity, generated.skills, generated.mailboxes)
    run(held, tmp_path, *(file.path for file in each))
    read_back(held, tmp_path)


def test_what_nobody_may_see_is_not_in_it(held: Settings, tmp_path: Path) -> None:
    """The mailbox of an unlisted domain, which no channel shows, is missing there like in a file that withdraws it."""
    generated = generate(200, 1, tmp_path / "files")
    each = (generated.whitelist, generated.finess, generated.activity, generated.skills, generated.mailboxes)
    run(held, tmp_path, *(file.path for file in each))
    unseen = "SELECT count(*) FROM mailbox m LEFT JOIN publication p ON p.key = m.address WHERE p.key IS NULL"
    with connect(held) as connection:
        (hidden,) = connection.execute(unseen).fetchone() or (0,)
    assert hidden == 1
    read_back(held, tmp_path, closed=hidden)

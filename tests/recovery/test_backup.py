"""The scripts of deploy/backup: what they refuse, what they keep, and what they never remove."""

import gzip
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from app.backups import STAMP, Kept, judged, newest
from app.console import Refused
from app.metrics import base_backup
from app.settings import Settings
from tests.harness.archive import SCRIPTS, Archived, ScriptFailed
from tests.harness.directory import directory

NAMES = sorted(path.name for path in SCRIPTS.iterdir() if path.read_text("utf-8").startswith("#!"))
LOG = "000000010000000000000007"


def run(name: str, *arguments: str | Path) -> tuple[int, str]:
    done = subprocess.run(
        [SCRIPTS / name, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An archive, and a file of the log to keep."""
    (tmp_path / "log").mkdir()
    (tmp_path / "base").mkdir()
    (tmp_path / "segment").write_bytes(b"written before" * 1_000)
    return tmp_path


def test_shellcheck_finds_nothing() -> None:
    assert {"archive-log", "base-backup", "restore", "restore-log"} == set(NAMES)
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([shellcheck, *(SCRIPTS / name for name in NAMES)], capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode()) == (0, "")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="deploy/packages.sh test installs systemd-analyze")
def test_systemd_reads_the_units_without_complaint(tmp_path: Path) -> None:
    for path in SCRIPTS.glob("annuaire-backup.*"):
        text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", path.read_text("utf-8"), flags=re.MULTILINE)
        (tmp_path / path.name).write_text(text.replace("Requires=postgresql.service\n", ""), "utf-8")
    units = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, timeout=60, check=False
    )
    assert (len(units), done.returncode, done.stdout + done.stderr) == (2, 0, "")


def test_a_kept_file_of_the_log_comes_back_byte_for_byte(folder: Path) -> None:
    assert run("archive-log", folder, folder / "segment", LOG) == (0, "")
    assert run("restore-log", folder, LOG, folder / "back") == (0, "")
    assert (folder / "back").read_bytes() == (folder / "segment").read_bytes()
    assert [path.name for path in (folder / "log").iterdir()] == [f"{LOG}.gz"]


def test_the_same_file_again_is_kept_already_and_another_one_is_refused(folder: Path) -> None:
    run("archive-log", folder, folder / "segment", LOG)
    before = (folder / "log" / f"{LOG}.gz").read_bytes()
    assert run("archive-log", folder, folder / "segment", LOG)[0] == 0
    (folder / "segment").write_bytes(b"of another server")
    status, said = run("archive-log", folder, folder / "segment", LOG)
    assert (status, "two servers" in said) == (1, True)
    assert (folder / "log" / f"{LOG}.gz").read_bytes() == before


def test_what_a_killed_one_left_is_written_anew(folder: Path) -> None:
    (folder / "log" / f".{LOG}.part").write_bytes(b"half")
    assert run("archive-log", folder, folder / "segment", LOG)[0] == 0
    assert gzip.decompress((folder / "log" / f"{LOG}.gz").read_bytes()) == (folder / "segment").read_bytes()


def test_an_archive_that_is_away_is_told(folder: Path) -> None:
    (folder / "log").rmdir()
    assert run("archive-log", folder, folder / "segment", LOG)[0] == 1
    # PostgreSQL takes 1 for the end of the log, and more than 125 for a fault that ends the recovery.
    assert run("restore-log", folder, LOG, folder / "back")[0] == 255


def test_the_end_of_the_log_is_told_from_a_damaged_one(folder: Path) -> None:
    assert run("restore-log", folder, LOG, folder / "back")[0] == 1
    run("archive-log", folder, folder / "segment", LOG)
    kept = folder / "log" / f"{LOG}.gz"
    kept.write_bytes(kept.read_bytes()[:-9])
    assert run("restore-log", folder, LOG, folder / "back")[0] == 255


def test_nothing_is_restored_over_what_is_there_or_from_before_the_first_backup(folder: Path) -> None:
    (folder / "data").mkdir()
    assert "move it away" in run("restore", folder, folder / "data")[1]
    assert "no base backup" in run("restore", folder, folder / "new")[1]
    (folder / "base" / "20260503T010000.000000Z").mkdir()
    assert "no base backup" in run("restore", folder, folder / "new", "2026-05-03T00:59:59Z")[1]
    assert "is damaged" in run("restore", folder, folder / "new", "2026-05-03T01:00:00Z")[1]
    assert run("restore", folder, folder / "new", "3 mai")[0] == 1
    assert not (folder / "new").exists()


@pytest.mark.fault
def test_retention_leaves_the_log_that_any_kept_backup_needs() -> None:
    with directory() as place, Archived(place) as archived:
        first, second = archived.base_backup(2), archived.base_backup(2)
        write(archived)
        archived.keep_log()
        before = names(archived.backup / "log")
        third = archived.base_backup(2)
        assert names(archived.backup / "base") == {second, third}
        assert first < second < third == (archived.backup / "newest").read_text("ascii").strip()
        assert before - names(archived.backup / "log") != set()
        archived.keep_log()
        # The older of those that are kept still leads to the end.
        (archived.backup / "base" / third).rename(place / "away")
        archived.lose()
        archived.restore()
        with psycopg.connect(archived.cluster.dsn()) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)
        # A copy that was altered since is found out before anything stands on it.
        control = archived.backup / "base" / second / "PG_VERSION"
        control.write_bytes(control.read_bytes() + b"0")
        archived.lose()
        with pytest.raises(ScriptFailed, match="is damaged"):
            archived.restore()


def write(archived: Archived) -> None:
    with psycopg.connect(archived.cluster.dsn()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_the_doctor_judges_what_is_kept() -> None:
    now = datetime(2026, 5, 3, 12, tzinfo=UTC)
    fresh, old = now - timedelta(minutes=1), now - timedelta(days=3)
    cases = {
        Kept(archives=False, log=None, failed=None, failing=None, base=None): None,
        Kept(archives=True, log=fresh, failed=old, failing=LOG, base=fresh): True,
        Kept(archives=True, log=fresh, failed=None, failing=None, base=None): None,
        Kept(archives=True, log=old, failed=fresh, failing=LOG, base=fresh): False,
        Kept(archives=True, log=old, failed=None, failing=None, base=fresh): False,
        Kept(archives=True, log=None, failed=None, failing=None, base=fresh): False,
        Kept(archives=True, log=fresh, failed=None, failing=None, base=old): False,
    }
    assert {kept: judged(kept, now)[0] for kept in cases} == cases


def test_the_age_of_the_newest_backup_is_told_where_it_is_known(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, backup_stamp=tmp_path / "newest")
    assert age(settings) is None
    (tmp_path / "newest").write_text(f"{datetime.now(UTC) - timedelta(hours=3):{STAMP}}\n", "ascii")
    found = age(settings)
    assert found is not None
    assert found >= timedelta(hours=3).total_seconds()
    (tmp_path / "newest").write_text("yesterday\n", "ascii")
    assert age(settings) is None
    with pytest.raises(Refused, match="is not what base-backup writes"):
        newest(settings)


def age(settings: Settings) -> float | None:
    (metric,) = base_backup.shown(settings)
    return next((float(sample.value) for sample in metric.samples), None)

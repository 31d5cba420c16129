"""The embedded PostgreSQL: its life, its death, and the folders it may meet. Pure cases first."""

import os
import shutil
from pathlib import Path

import psycopg
import pytest

from app.console import Refused
from app.embedded import Postgres
from app.embedded.binaries import EngineMissing, find_postgres
from app.embedded.lock import InUse
from app.embedded.postgres import PostgresFailed
from tests.embedded.servers import execute, kill, value
from tests.harness.unprivileged import as_ordinary_user, directory_of_ordinary_user


def test_a_folder_without_postgresql_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineMissing, match="install the package postgresql"):
        find_postgres(tmp_path)


def test_an_old_postgresql_is_refused(tmp_path: Path) -> None:
    (tmp_path / "initdb").touch()
    program = tmp_path / "postgres"
    program.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 13.4'\n")
    program.chmod(0o755)
    with pytest.raises(EngineMissing, match=r"PostgreSQL 13 .* too old: annuaire needs 15"):
        find_postgres(tmp_path)


def test_data_survive_a_restart_and_the_socket_is_the_only_way_in(open_dir: Path) -> None:
    postgres = Postgres(open_dir, fast=True)
    postgres.start()
    execute(postgres, "CREATE TABLE kept AS SELECT 42 AS answer")
    dsn = postgres.dsn()
    postgres.stop()
    assert not postgres.is_running
    with postgres:
        assert postgres.dsn() == dsn
        assert value(postgres, "SELECT answer FROM kept") == 42
        assert value(postgres, "SHOW listen_addresses") == ""
        assert value(postgres, "SHOW server_encoding") == "UTF8"
        assert value(postgres, "SELECT datcollate FROM pg_database WHERE datname = 'annuaire'") == "C.UTF-8"
        assert postgres.socket_dir.stat().st_mode & 0o777 == 0o700


def test_a_durable_cluster_keeps_its_promises(open_dir: Path) -> None:
    with Postgres(open_dir) as postgres:
        shown = {name: value(postgres, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "jit")}
        assert shown == {"fsync": "on", "synchronous_commit": "on", "jit": "off"}
        assert value(postgres, "SHOW default_toast_compression") == "lz4"


def test_the_server_never_runs_as_root(open_dir: Path) -> None:
    with Postgres(open_dir, fast=True) as postgres:
        assert postgres.process is not None
        owner = Path(f"/proc/{postgres.process.pid}").stat().st_uid
        assert owner != 0
        assert (open_dir / "pg").stat().st_uid == owner


def test_what_was_acknowledged_is_there_after_kill_9(open_dir: Path) -> None:
    postgres = Postgres(open_dir)
    postgres.start()
    execute(postgres, "CREATE TABLE kept AS SELECT 42 AS answer")
    kill(postgres)
    postgres.stop()
    with Postgres(open_dir) as again:
        assert value(again, "SELECT answer FROM kept") == 42


def test_a_server_that_outlived_its_parent_is_stopped_and_said(
    open_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    orphan = Postgres(open_dir, fast=True)
    orphan.start()
    assert orphan.process is not None
    assert orphan._lock is not None
    orphan._lock.release()  # what the kernel does when the parent is killed
    with Postgres(open_dir, fast=True) as again:
        assert value(again, "SELECT 1") == 1
        assert orphan.process.wait(30) == 0
    assert f"stopping the PostgreSQL that an earlier run left in {open_dir}/pg/data" in capsys.readouterr().err


def test_a_pid_file_whose_number_another_program_has_does_not_hinder(open_dir: Path) -> None:
    with Postgres(open_dir, fast=True):
        pass
    note = open_dir / "pg" / "data" / "postmaster.pid"
    note.write_text(f"{os.getpid()}\n{open_dir}/pg/data\n0\n5432\n/nowhere\n\n0 0\nready\n")
    with Postgres(open_dir, fast=True) as postgres:
        assert value(postgres, "SELECT 1") == 1


def test_a_half_made_cluster_is_made_anew(open_dir: Path) -> None:
    with Postgres(open_dir, fast=True):
        pass
    (open_dir / "pg" / "data").rename(open_dir / "pg" / "data.partial")
    (open_dir / "pg" / "data.partial" / "PG_VERSION").unlink()
    with Postgres(open_dir, fast=True) as postgres:
        assert value(postgres, "SELECT 1") == 1


def test_a_second_start_on_one_directory_is_refused(open_dir: Path) -> None:
    with Postgres(open_dir, fast=True) as first:
        with pytest.raises(InUse, match=f"{open_dir}/pg is in use by process {os.getpid()}"):
            Postgres(open_dir, fast=True).start()
        assert value(first, "SELECT 1") == 1


def test_data_of_another_major_version_are_refused_and_untouched(open_dir: Path) -> None:
    with Postgres(open_dir, fast=True):
        pass
    note = open_dir / "pg" / "data" / "PG_VERSION"
    note.write_text("12\n")
    with pytest.raises(PostgresFailed, match=r"belong to PostgreSQL 12, but here is \d+: install postgresql-12"):
        Postgres(open_dir, fast=True).start()
    assert note.read_text() == "12\n"


def test_a_server_that_cannot_start_says_its_last_words(open_dir: Path) -> None:
    with Postgres(open_dir, fast=True):
        pass
    (open_dir / "pg" / "data" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(PostgresFailed, match="no_such_setting"):
        Postgres(open_dir, fast=True).start()


def test_a_directory_of_120_characters_works(open_dir: Path) -> None:
    deep = open_dir / ("d" * (120 - len(str(open_dir)) - 1))
    assert len(str(deep)) == 120
    with Postgres(deep, fast=True) as postgres:
        assert value(postgres, "SELECT 1") == 1
        sockets = postgres.socket_dir
        assert len(str(sockets)) < 90
    assert not sockets.exists()


def test_a_directory_with_spaces_commas_and_accents_works(open_dir: Path) -> None:
    with Postgres(open_dir / "données, d'un été", fast=True) as postgres:
        assert value(postgres, "SELECT 1") == 1


def test_it_works_for_an_ordinary_user() -> None:
    with directory_of_ordinary_user() as path:

        def live() -> None:
            with Postgres(path / "var", fast=True) as postgres:
                assert value(postgres, "SELECT 1") == 1
                assert (path / "var" / "pg").stat().st_uid == os.geteuid()

        as_ordinary_user(live)


def test_a_directory_where_we_may_not_write_is_refused_in_one_sentence(open_dir: Path) -> None:
    open_dir.chmod(0o511)

    def live() -> None:
        with pytest.raises(Refused, match="cannot write in the data directory"):
            Postgres(open_dir / "var", fast=True).start()

    as_ordinary_user(live)
    open_dir.chmod(0o711)


def test_a_broken_link_is_not_taken_for_an_empty_directory(open_dir: Path) -> None:
    (open_dir / "pg").symlink_to(open_dir / "gone")
    with pytest.raises(Refused, match="gone, which is gone"):
        Postgres(open_dir, fast=True).start()


@pytest.mark.parametrize("mode", [0o700, 0o711])
def test_a_parent_that_only_its_owner_may_enter(open_dir: Path, mode: int, capsys: pytest.CaptureFixture[str]) -> None:
    closed = open_dir / "closed"
    closed.mkdir()
    closed.chmod(mode)
    with Postgres(closed / "var", fast=True) as postgres:
        assert value(postgres, "SELECT 1") == 1
        link = closed / "var" / "pg"
        went_elsewhere = link.is_symlink()
        home = link.resolve().parent
    try:
        # Only root's engines have another account; an ordinary user enters what is his own.
        assert went_elsewhere == (mode == 0o700 and os.geteuid() == 0)
        said = capsys.readouterr().err
        assert (f"engine data go to {home}" in said) == went_elsewhere
        assert closed.stat().st_mode & 0o777 == mode
        with Postgres(closed / "var", fast=True) as again:
            assert value(again, "SELECT 1") == 1
        assert capsys.readouterr().err == ""
    finally:
        if went_elsewhere:
            shutil.rmtree(home)


def test_a_connection_without_the_socket_folder_is_impossible(open_dir: Path) -> None:
    with Postgres(open_dir, fast=True) as postgres:
        dsn = postgres.dsn()
        assert postgres.socket_dir.stat().st_mode & 0o077 == 0
        if os.geteuid() == 0:
            as_ordinary_user(lambda: _refused(dsn))


def _refused(dsn: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="Permission denied"):
        psycopg.connect(dsn)

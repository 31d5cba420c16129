"""A PostgreSQL whose log is archived and which is backed up and restored by the scripts of deploy/backup."""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Self

import psycopg

from app.embedded import Postgres
from app.embedded.binaries import find_postgres
from app.embedded.place import Place, place
from app.embedded.process import SERVER_ENVIRONMENT
from tests.docs.markdown import ROOT

SCRIPTS = ROOT / "deploy" / "backup"
PATIENCE = 300.0
TICK = 0.02


class ScriptFailed(AssertionError):
    """A script of deploy/backup ended with something else than 0: its own words."""


class Archived:
    """A cluster with checksums below `folder`, its archive in `folder/backup`. Use it as a context.

    It stands at the same place after a restore, so that programs which know it find it again.
    """

    def __init__(self, folder: Path) -> None:
        self.backup = folder / "backup"
        self.scripts = folder / "scripts"
        self._lost = 0
        self._home: Place = place(folder / "server", "pg")
        self.cluster = Postgres(folder / "server", fast=True)
        # The checkout may lie where the account of the server may not enter.
        shutil.copytree(SCRIPTS, self.scripts)
        for path in (self.backup, self.backup / "log", self.backup / "base"):
            path.mkdir()
            self._home.account.owns(path)

    @property
    def data(self) -> Path:
        return self._home.folder / "data"

    def __enter__(self) -> Self:
        self.cluster.start()
        self.cluster.stop()
        self._run(self._program("pg_checksums"), "--enable", "--no-sync", "--pgdata", str(self.data))
        with (self.data / "postgresql.auto.conf").open("a", encoding="utf-8") as conf:
            conf.write(f"archive_mode = on\narchive_command = '{self.scripts}/archive-log {self.backup} \"%p\" %f'\n")
        self.cluster.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cluster.stop()

    def script(self, name: str, *arguments: str | Path) -> str:
        """Run a script of deploy/backup as the account of the server. Raises ScriptFailed."""
        return self._run(str(self.scripts / name), str(self.backup), *map(str, arguments))

    def base_backup(self, keep: int = 7) -> str:
        """The name of a new one."""
        return self.script("base-backup", str(keep)).splitlines()[-1]

    def keep_log(self) -> None:
        """Until everything written so far is in the archive."""
        with psycopg.connect(self.cluster.dsn("postgres"), autocommit=True) as connection:
            (name,) = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone() or ("",)
            deadline = time.monotonic() + PATIENCE
            while not (self.backup / "log" / f"{name}.gz").exists():
                assert time.monotonic() < deadline, f"{name} is not archived"
                time.sleep(TICK)

    def lose(self) -> None:
        """kill -9 of the server, and its files are gone."""
        assert self.cluster.process is not None
        self.cluster.process.kill()
        self.cluster.process.wait(PATIENCE)
        self.cluster.stop()
        self._lost += 1
        self.data.rename(self.data.with_name(f"lost-{self._lost}"))

    def restore(self, *instant: str) -> None:
        """Bring it back as it was at the instant, else as far as the log goes, and wait until it takes writes."""
        self.script("restore", self.data, *instant)
        self.cluster.start()
        deadline = time.monotonic() + PATIENCE
        with psycopg.connect(self.cluster.dsn("postgres"), autocommit=True) as connection:
            while connection.execute("SELECT pg_is_in_recovery()").fetchone() != (False,):
                assert time.monotonic() < deadline, "the recovery does not end"
                time.sleep(TICK)

    def _program(self, name: str) -> str:
        chosen = os.environ.get("ANNUAIRE_PG_BIN")
        return find_postgres(Path(chosen) if chosen else None).program(name)

    def _run(self, *command: str) -> str:
        running = {"PGHOST": str(self.cluster.socket_dir), "PGUSER": "annuaire"} if self.cluster.is_running else {}
        answer = subprocess.run(
            command,
            cwd="/",
            env={**SERVER_ENVIRONMENT, "ANNUAIRE_PG_BIN": str(Path(self._program("postgres")).parent), **running},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            **self._home.account.run_as(),
        )
        if answer.returncode != 0:
            raise ScriptFailed(f"{command[0]} ended with {answer.returncode}: {answer.stderr.strip()}")
        return answer.stdout

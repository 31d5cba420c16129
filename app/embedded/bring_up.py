"""The start of `annuaire up`: engines, schema, sample, API, worker, and the wait until all answer."""

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psycopg

from app import db
from app.console import DIFFERENCES, DONE, Refused, say
from app.embedded.attach import PAUSE, environment_for, read_settings
from app.embedded.command import SUPERVISED, Command
from app.embedded.lock import is_locked
from app.embedded.ports import LOOPBACK, require_free
from app.embedded.postgres import Postgres
from app.embedded.ready import edition_in_ldap, edition_served
from app.embedded.runfile import Run, write_run
from app.embedded.slapd import Slapd
from app.embedded.slapd_listeners import Listeners
from app.embedded.supervisor import Supervisor

# Without any progress for so long, something hangs that did not die.
READY_PATIENCE = 300.0
SAMPLE_SEED = 1


@dataclass(frozen=True, slots=True)
class Options:
    """What `annuaire up` was asked. `sample`: synthetic professionals to load when the directory is empty, 0 = none."""

    data_dir: Path
    port: int = 8000
    ldap_port: int = 3389
    sample: int = 0
    as_json: bool = False


def bring_up(options: Options, supervisor: Supervisor) -> Run:
    """Start everything in order and wait until it answers. Raises Refused; the caller stops the supervisor."""
    require_free(options.port, use="the API", option="--port")
    run = _start_engines(options, supervisor)
    write_run(options.data_dir, run)
    children = _Children(options, run, supervisor)
    if options.sample and _is_new(options.data_dir, run.database_url):
        children.load_sample()
    children.start_servers()
    children.wait_until_ready()
    run = replace(run, state="ready")
    write_run(options.data_dir, run)
    return run


def _start_engines(options: Options, supervisor: Supervisor) -> Run:
    settings = read_settings()
    data_dir = options.data_dir
    postgres = Postgres(data_dir, bin_dir=settings.pg_bin)
    slapd = Slapd(
        data_dir,
        port=options.ldap_port,
        suffix=settings.ldap_suffix,
        public=Listeners.of(settings),
        root=settings.slapd_root,
    )
    supervisor.start(postgres)
    db.upgrade(postgres.dsn())
    supervisor.start(slapd, is_paused=partial(is_locked, data_dir / PAUSE))
    return Run(
        pid=os.getpid(),
        state="starting",
        data_dir=str(data_dir),
        api=f"http://{LOOPBACK}:{options.port}",
        ldap=slapd.uri,
        ldapi=slapd.ldapi_uri,
        ldap_suffix=slapd.suffix,
        database_url=postgres.dsn(),
        socket_dir=str(postgres.socket_dir),
    )


class _Children:
    """The commands that `annuaire up` runs, all with the same environment."""

    def __init__(self, options: Options, run: Run, supervisor: Supervisor) -> None:
        self._options = options
        self._run = run
        self._supervisor = supervisor
        self._environment = {**environment_for(run), SUPERVISED: run.data_dir}

    def load_sample(self) -> None:
        """Synthetic files, imported; then LDAP from one bulk load, since entry by entry it takes many times longer."""
        folder = self._options.data_dir / "sample"
        mark = _sample_mark(self._options.data_dir)
        mark.touch()
        shutil.rmtree(folder, ignore_errors=True)
        say(f"annuaire: making and importing a synthetic directory of {self._options.sample} professionals in {folder}")
        size = ["--professionals", str(self._options.sample), "--seed", str(SAMPLE_SEED)]
        self._finish("sandbox generate", ["sandbox", "generate", *size, "--out", str(folder)])
        attached = ["--data-dir", self._run.data_dir]
        files = [str(file) for file in sorted(folder.iterdir())]
        self._finish("import run", ["import", "run", *files, *attached])
        self._finish("ldap rebuild", ["ldap", "rebuild", *attached])
        mark.unlink()

    def start_servers(self) -> None:
        address = ["--host", LOOPBACK, "--port", str(self._options.port)]
        self._serve("worker", ["worker"], patience=30.0)
        self._serve("api", ["serve", *address, "--workers", "1"], patience=20.0)

    def wait_until_ready(self) -> None:
        """Raises Refused when nothing moves any more."""
        seen: tuple[int | None, int | None] = (None, None)
        deadline = time.monotonic() + READY_PATIENCE

        def is_ready() -> bool:
            nonlocal seen, deadline
            state = (edition_served(self._run), edition_in_ldap(self._run))
            if state != seen:
                seen, deadline = state, time.monotonic() + READY_PATIENCE
            if time.monotonic() > deadline:
                raise Refused(
                    f"not ready: the API serves edition {state[0]}, LDAP holds {state[1]}, and nothing moved for "
                    f"{READY_PATIENCE:.0f} s (logs: {self._options.data_dir / 'log'})",
                    "up.not_ready",
                )
            return state[0] is not None and state[0] == state[1]

        self._supervisor.wait(is_ready)

    def _serve(self, name: str, arguments: Sequence[str], *, patience: float) -> None:
        log = self._options.data_dir / "log" / f"{name}.log"
        self._supervisor.start(Command(name, arguments, environment=self._environment, log=log, patience=patience))

    def _finish(self, name: str, arguments: Sequence[str]) -> None:
        status = self._supervisor.run(Command(name, arguments, environment=self._environment))
        # Rejected rows are part of the sample: the national files have them too.
        if status not in {DONE, DIFFERENCES}:
            raise Refused(f"annuaire {name} failed (exit status {status}); its words are above", "up.sample")


def _sample_mark(data_dir: Path) -> Path:
    return data_dir / "sample.loading"


def _is_new(data_dir: Path, database_url: str) -> bool:
    """Whether nothing was ever published here, or a sample was left half loaded (loading it again is harmless)."""
    if _sample_mark(data_dir).exists():
        return True
    with psycopg.connect(database_url, connect_timeout=10) as connection:
        return connection.execute("SELECT FROM directory WHERE edition > 0").fetchone() is None

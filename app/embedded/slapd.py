"""One slapd as a child process: public LDAP on the loopback address, writes over a private socket only."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from app.console import say
from app.embedded import process
from app.embedded.binaries import SlapdBinaries, find_slapd
from app.embedded.lock import Lock
from app.embedded.place import Place, place
from app.embedded.ports import LOOPBACK, require_free
from app.embedded.slapd_config import ConfigPaths, clients_tree, indexing, own_schema, rendered
from app.embedded.slapd_listeners import Listeners
from app.embedded.slapd_tools import SlapdFailed, run_tool

START_PATIENCE = 60.0
STOP_STEPS = ((signal.SIGTERM, 60.0),)
# Beside the database of a tree: what its indexes were made by.
INDEXED_BY = "indexed-by"
PORT_OPTION = "--ldap-port"
# What is loaded is marked by another server id than what is written later (0), so that a copy that followed the tree
# before this one reads the whole of it: else it would go on from where it stands, and keep what differs.
LOADED = ("-S", "1")


class Slapd:
    """The server below `data_dir/ldap`, on `ldap://127.0.0.1:<port>`.

    As root it runs as an unprivileged account. Only the uid that made this object may write, over `ldapi_uri`.
    `public` is where it is reached from outside; `root` as for `find_slapd`. The tree is empty, without even a suffix
    entry, until `load` or the first write.
    """

    name = "slapd"

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int,
        suffix: str = "dc=mssante,dc=fr",
        public: Listeners | None = None,
        root: Path | None = None,
    ) -> None:
        self._data_dir = data_dir.expanduser().absolute()
        self.port = port
        self.suffix = suffix
        self._public = public
        self._root = root
        self._place: Place | None = None
        self._lock: Lock | None = None
        self._sockets: Path | None = None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self._data_dir / "log" / "slapd.log"

    @property
    def uri(self) -> str:
        """Where everybody reads."""
        return f"ldap://{LOOPBACK}:{self.port}"

    @property
    def ldapi_uri(self) -> str:
        """Where the exporter writes (SASL EXTERNAL), while slapd runs."""
        if self._sockets is None:
            raise SlapdFailed("slapd is not started")
        return f"ldapi://{self._sockets}/ldapi"

    @property
    def config_dir(self) -> Path:
        return self._home.folder / "slapd.d"

    @property
    def db_dir(self) -> Path:
        return self._home.folder / "db"

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Configure when needed, start, wait until it answers.

        Raises Refused: no slapd, port taken, folder in use or closed, slapd that does not start.
        """
        binaries = self._programs()
        self._hold()
        try:
            self._settle()
            require_free(self.port, use="LDAP", option=PORT_OPTION)
            self._configure(binaries)
            self._sockets = self._home.open_sockets()
            self._launch(binaries)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop in order. Safe to call when nothing runs."""
        if self.process is not None:
            process.stop(self.process, STOP_STEPS)
            self.process = None
        if self._place is not None:
            self._place.close_sockets()
        self._sockets = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def build(self, ldif: Iterable[bytes]) -> None:
        """Load a complete tree beside the one that is served, which may go on; `install` puts it in its place.

        Raises SlapdFailed with slapadd's words; nothing is left then.
        """
        binaries = self._programs()
        home = self._placed()
        paths = ConfigPaths(home.folder / "build.d", home.folder / "build", home.make("run"), home.make("clients"))
        building = Lock(home.folder / "build.lock").acquire()
        try:
            self.clear()
            for folder in (paths.config, paths.database):
                shutil.rmtree(folder, ignore_errors=True)
                home.make(folder.name)
            self._add_config(binaries, paths, rendered(paths, binaries, self.suffix))
            self._add(binaries.slapadd, ["-q", "-w", *LOADED, "-b", self.suffix, "-F", str(paths.config)], ldif)
            (paths.database / INDEXED_BY).write_text(indexing(), encoding="utf-8")
        except BaseException:
            shutil.rmtree(paths.database, ignore_errors=True)
            shutil.rmtree(paths.config, ignore_errors=True)
            raise
        finally:
            building.release()

    def install(self, *, patience: float = 0.0) -> None:
        """Put the tree of `build` in the place of the present one, once slapd has stopped.

        `patience` in seconds is for a slapd that another process stops. Raises SlapdFailed, InUse.
        """
        if self.is_running:
            raise SlapdFailed("slapd runs: stop it before its tree is replaced")
        home = self._placed()
        config = home.folder / "build.d"
        with Lock(home.folder / "lock").acquire(patience=patience):
            self._outdate(self._programs(), config)
            self.clear()
            if self.db_dir.exists():
                self.db_dir.rename(home.folder / "db.old")
            (home.folder / "build").rename(self.db_dir)
            shutil.rmtree(config, ignore_errors=True)

    def clear(self) -> None:
        """Remove the tree that was replaced: it takes long for a large one, and slapd may serve the new one by then."""
        if self.db_dir.exists():
            shutil.rmtree(self._placed().folder / "db.old", ignore_errors=True)

    def load(self, ldif: Iterable[bytes]) -> None:
        """Replace the whole tree of a stopped slapd by these LDIF bytes: all of it, or nothing changes."""
        if self.is_running:
            raise SlapdFailed("slapd runs: stop it before its tree is replaced")
        self.build(ldif)
        self.install()
        self.clear()

    def empty(self) -> None:
        """A tree without any entry; slapd is restarted when it runs."""
        was_running = self.is_running
        if was_running:
            self.stop()
        shutil.rmtree(self._placed().folder / "db", ignore_errors=True)
        if was_running:
            self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _home(self) -> Place:
        return self._placed()

    def _placed(self) -> Place:
        self._place = self._place or place(self._data_dir, "ldap")
        return self._place

    def _programs(self) -> SlapdBinaries:
        binaries = find_slapd(self._root)
        account = self._home.account
        if self._root and not account.can_run(binaries.slapd):
            raise SlapdFailed(f"the account {account.name} may not run {binaries.slapd} (ANNUAIRE_SLAPD_ROOT)")
        return binaries

    def _hold(self) -> None:
        if self._lock is None:
            self._lock = Lock(self._home.folder / "lock").acquire()

    def _settle(self) -> None:
        """Stop a slapd that a killed run left alive here; undo a replacement of the tree that it left half done."""
        pids = process.inhabitants(self.config_dir)
        if pids:
            say(f"annuaire: stopping the slapd that an earlier run left in {self._home.folder} (process {pids[0]})")
            process.end(pids, signal.SIGTERM, 60.0)
        old = self._home.folder / "db.old"
        if old.exists() and not self.db_dir.exists():
            say(f"annuaire: an earlier run was killed while it replaced the LDAP tree: {old} is put back")
            old.rename(self.db_dir)

    def _outdate(self, binaries: SlapdBinaries, config: Path) -> None:
        """Let a tree that was loaded say that it knows all that was ever written to the one before it.

        A copy deletes what its provider does not name only where the provider came at least as far as the entry.
        """
        now = f"{datetime.now(UTC):%Y%m%d%H%M%S.%f}Z#000000"
        known = "".join(f"contextCSN: {now}#{server}#000000\n" for server in ("000", "001"))
        words = f"dn: {self.suffix}\nchangetype: modify\nreplace: contextCSN\n{known}\n"
        self._add(binaries.slapmodify, ["-w", "-b", self.suffix, "-F", str(config)], [words.encode()])

    def _configure(self, binaries: SlapdBinaries) -> None:
        """Write cn=config when it is missing or when the template, the suffix, a path or our uid changed."""
        home = self._home
        paths = ConfigPaths(self.config_dir, self.db_dir, home.make("run"), home.make("clients"))
        tls = self._public.tls.copied(home, is_openssl=binaries.is_openssl) if self._public else None
        text = rendered(paths, binaries, self.suffix, tls)
        applied = home.folder / "config.ldif"
        # Written last: a run that was killed on the way here begins anew.
        is_applied = self.config_dir.exists() and applied.exists()
        indexed_by = self.db_dir / INDEXED_BY
        is_indexed = not (self.db_dir / "data.mdb").exists() or (
            indexed_by.exists() and indexed_by.read_text(encoding="utf-8") == indexing()
        )
        home.make("db")
        if is_indexed and is_applied and applied.read_text(encoding="utf-8") == text + own_schema():
            return
        applied.unlink(missing_ok=True)
        shutil.rmtree(self.config_dir, ignore_errors=True)
        home.make(self.config_dir.name)
        self._add_config(binaries, paths, text)
        if not (paths.clients / "data.mdb").exists():
            above = clients_tree(self.suffix).encode()
            self._add(binaries.slapadd, ["-b", f"ou=clients,{self.suffix}", "-F", str(self.config_dir)], [above])
        if not is_indexed:
            say("annuaire: the LDAP configuration changed: indexes of the present tree are made again")
            indexed_by.unlink(missing_ok=True)
            self._add(binaries.slapindex, ["-q", "-b", self.suffix, "-F", str(self.config_dir)], ())
        indexed_by.write_text(indexing(), encoding="utf-8")
        applied.write_text(text + own_schema(), encoding="utf-8")

    def _add_config(self, binaries: SlapdBinaries, paths: ConfigPaths, text: str) -> None:
        schema = paths.run / "schema.ldif"
        schema.write_text(own_schema(), encoding="utf-8")
        schema.chmod(0o644)
        self._add(binaries.slapadd, ["-n", "0", "-F", str(paths.config)], [text.encode()])

    def _add(self, tool: Path, arguments: list[str], ldif: Iterable[bytes]) -> None:
        run_tool([str(tool), *arguments], ldif, self._home.account)

    def _launch(self, binaries: SlapdBinaries) -> None:
        private = f"ldapi://{str(self._sockets).replace('/', '%2F')}%2Fldapi"
        listeners = " ".join([self.uri, private, *(self._public.urls if self._public else ())])
        self.process = process.spawn(
            [str(binaries.slapd), "-F", str(self.config_dir), "-h", listeners, "-d", "none"],
            log=self.log,
            death_signal=signal.SIGTERM,
            account=self._home.account,
            environment=process.SERVER_ENVIRONMENT,
            directory="/",
        )
        deadline = time.monotonic() + START_PATIENCE
        while not self._answers():
            if not self.is_running:
                raise SlapdFailed(f"slapd does not start; its last words ({self.log}):\n{process.last_lines(self.log)}")
            if time.monotonic() > deadline:
                raise SlapdFailed(f"slapd did not answer within {START_PATIENCE:.0f} s (log: {self.log})")
            time.sleep(0.02)

    def _answers(self) -> bool:
        """Whether both listeners accept: slapd listens only after its configuration and databases are open.

        The private socket is asked first, which is ours alone: slapd has bound its port before it listens anywhere. A
        question to a port that nobody holds comes to hold it itself where the kernel asks from that very port.
        """
        try:
            with socket.socket(socket.AF_UNIX) as private:
                private.settimeout(5)
                private.connect(f"{self._sockets}/ldapi")
            socket.create_connection((LOOPBACK, self.port), timeout=5).close()
        except OSError:
            return False
        return self.is_running

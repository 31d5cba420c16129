"""slapd as Debian's package sets it up for an operator, in a directory of a test's own."""

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from app.embedded import binaries, free_port, process
from app.embedded.account import Account, engines_account
from app.embedded.binaries import find_slapd
from tests.harness.ldap_tls import LOOPBACK

# What the package's set-up script fills in and gives to slapadd.
SHIPPED = "usr/share/slapd/slapd.init.ldif"
PATIENCE = 60.0


class StockSlapd:
    """Configured, not started. It holds `dc=nodomain`, as where nobody gave a name. We administer it over ldapi."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.account: Account = engines_account()
        self.uri = f"ldap://{LOOPBACK}:{free_port()}"
        self.process: subprocess.Popen[bytes] | None = None
        for name in ("", "slapd.d", "db", "run", "annuaire"):
            (folder / name).mkdir(0o700)
            self.account.owns(folder / name)
        self._run("slapadd", "-n", "0", stdin=self._shipped())

    @property
    def config_dir(self) -> Path:
        return self.folder / "slapd.d"

    @property
    def ldapi_uri(self) -> str:
        return f"ldapi://{self.folder}/run/ldapi"

    def start(self) -> None:
        private = self.ldapi_uri.removeprefix("ldapi://").replace("/", "%2F")
        self.process = process.spawn(
            [str(find_slapd().slapd), "-F", str(self.config_dir), "-h", f"{self.uri} ldapi://{private}", "-d", "none"],
            log=self.folder.with_suffix(".log"),
            death_signal=signal.SIGTERM,
            account=self.account,
            environment=process.SERVER_ENVIRONMENT,
            directory="/",
        )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.process.poll() is None, process.last_lines(self.folder.with_suffix(".log"))
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            process.stop(self.process, ((signal.SIGTERM, PATIENCE),))
            self.process = None

    def _answers(self) -> bool:
        try:
            socket.create_connection((LOOPBACK, int(self.uri.rpartition(":")[2])), timeout=5).close()
        except OSError:
            return False
        return True

    def _shipped(self) -> bytes:
        text = (binaries.ROOT / SHIPPED).read_text("utf-8")
        for word, value in {
            "@SUFFIX@": "dc=nodomain",
            "@PASSWORD@": "{SSHA}nobody-knows-it",
            "/var/lib/ldap": str(self.folder / "db"),
            "/var/run/slapd": str(self.folder / "run"),
            "/usr/lib/ldap": str(find_slapd().modules),
            # Who administers it: root there, whoever runs the tests here.
            "gidNumber=0+uidNumber=0,": f"gidNumber={os.getegid()}+uidNumber={os.geteuid()},",
        }.items():
            assert word in text
            text = text.replace(word, value)
        return re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).encode()

    def _run(self, tool: str, *arguments: str, stdin: bytes) -> None:
        command = [str(find_slapd().slapd.with_name(tool)), *arguments, "-F", str(self.config_dir)]
        answer = subprocess.run(
            command, input=stdin, capture_output=True, check=False, timeout=PATIENCE, cwd="/", **self.account.run_as()
        )
        assert answer.returncode == 0, answer.stderr.decode()

"""Debian in a folder, made by mmdebstrap and booted by systemd-nspawn, with a network that reaches nobody."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CACHE = Path("/var/cache/annuaire-machine")
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "iproute2", "ca-certificates", "procps", "curl", "ldap-utils"),
    *("postgresql", "slapd", "nginx-light", "python3", "openssl"),
)
MIRROR = "http://deb.debian.org/debian"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
ENVIRONMENT = {
    "HOME": "/root",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    # A proxy of the house signs with a certificate that only the system knows.
    "SSL_CERT_FILE": str(AUTHORITIES),
}
PATIENCE, TICK = 120.0, 0.2
LONGEST = 900


class Machine:
    """One that is made of `root`, a folder with a Debian in it. `boot` before `run`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._nspawn: subprocess.Popen[bytes] | None = None

    def prepare(self, script: str) -> str:
        """What a script says that runs in the folder without being booted, where the network is the host's."""
        shutil.copy("/etc/resolv.conf", self.root / "etc" / "resolv.conf")
        return _told(["chroot", str(self.root), *_shell(script)], script)

    def boot(self) -> None:
        """Come back when systemd has started everything, or has given something up."""
        command = ["systemd-nspawn", "--quiet", f"--directory={self.root}", "--boot", "--private-network"]
        command += ["--register=no", "--keep-unit", "--resolv-conf=off", "--link-journal=no", "--console=passive"]
        with (self.root.parent / "console").open("ab") as console:
            self._nspawn = subprocess.Popen(
                command,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        deadline = time.monotonic() + PATIENCE
        while (state := self._state()) not in {"running", "degraded"}:
            assert self._nspawn.poll() is None, self.console()
            assert time.monotonic() < deadline, f"systemd is {state}:\n{self.console()}"
            time.sleep(TICK)

    def run(self, script: str) -> str:
        """What a script says that root runs there. Fails when one of its commands does."""
        return _told([*self._enter(), *_shell(script)], script)

    def power_off(self) -> None:
        """As its switch does: every unit is stopped in order."""
        assert self._nspawn is not None
        self.run("systemctl poweroff")
        self._nspawn.wait(PATIENCE)

    def close(self) -> None:
        if self._nspawn is not None and self._nspawn.poll() is None:
            self._nspawn.terminate()
            self._nspawn.wait(PATIENCE)

    def console(self) -> str:
        """The last of what was shown on its screen."""
        return (self.root.parent / "console").read_text("utf-8", "replace")[-4_000:]

    def _state(self) -> str:
        if self._leader() is None:
            return "not there yet"
        command = [*self._enter(), "systemctl", "is-system-running"]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout.strip()

    def _leader(self) -> int | None:
        """Its process 1, by the number that this host knows it by; None until there is one.

        Before it there is another child for a moment, which still lives in the namespaces of this host.
        """
        assert self._nspawn is not None
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text("ascii").split()
        for child in children:
            with suppress(FileNotFoundError, ProcessLookupError):
                if re.search(r"^NSpid:.*\t1$", Path(f"/proc/{child}/status").read_text("ascii"), re.MULTILINE):
                    return int(child)
        return None

    def _enter(self) -> list[str]:
        variables = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
        leader = self._leader()
        assert leader is not None, self.console()
        namespaces = ["--mount", "--uts", "--ipc", "--pid", "--net", "--cgroup"]
        return ["nsenter", f"--target={leader}", *namespaces, "env", "-i", *variables]


@contextmanager
def debian(suite: str) -> Iterator[Machine]:
    """A machine of that suite, not booted, gone at the end. Its packages are fetched once and kept in CACHE."""
    image = CACHE / f"{suite}.tar"
    if not image.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        part = image.with_suffix(".part.tar")
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", suite, str(part)]
        subprocess.run([*command, MIRROR], check=True, timeout=LONGEST)
        part.rename(image)
    folder = Path(tempfile.mkdtemp(prefix="annuaire-machine-", dir="/var/tmp"))
    root = folder / "root"
    root.mkdir()
    machine = Machine(root)
    try:
        subprocess.run(["tar", "--extract", f"--file={image}", f"--directory={root}"], check=True, timeout=LONGEST)
        shutil.copy(AUTHORITIES, root / AUTHORITIES.relative_to("/"))
        yield machine
    finally:
        machine.close()
        shutil.rmtree(folder)


def _shell(script: str) -> list[str]:
    return ["/bin/sh", "-euc", script]


def _told(command: list[str], script: str) -> str:
    environment = {**ENVIRONMENT, "DEBIAN_FRONTEND": "noninteractive"}
    answer = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=LONGEST, stdin=subprocess.DEVNULL
    )
    assert answer.returncode == 0, f"{script}\nended with {answer.returncode}:\n{answer.stdout}\n{answer.stderr}"
    return answer.stdout

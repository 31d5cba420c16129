"""The committed configuration of HAProxy before a real slapd: what one address may open, and who serves then."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.embedded import Slapd, free_port
from app.embedded.ports import LOOPBACK
from tests.docs.markdown import ROOT
from tests.embedded.servers import wait_for

CONFIGURATION = ROOT / "deploy" / "ldap" / "haproxy.cfg"
HAPROXY = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
STRANGER, OPERATOR = "127.0.0.3", "127.0.0.2"
AT_ONCE, A_MINUTE = 10, 30
ANONYMOUS_BIND = bytes.fromhex("300c020101600702010304008000")


@dataclass(frozen=True)
class Front:
    """Where HAProxy listens."""

    port: int

    def served(self, source: str, stack: ExitStack) -> bool:
        """Whether a new connection, left open, has its bind answered. HAProxy resets what it refuses, even at once."""
        try:
            address = (LOOPBACK, self.port)
            connection = stack.enter_context(socket.create_connection(address, timeout=30, source_address=(source, 0)))
            connection.sendall(ANONYMOUS_BIND)
            return connection.recv(1) != b""
        except ConnectionError:
            return False


def configured(folder: Path, slapd: Slapd, front: int) -> str:
    """The file with ports of this test: the replicas are away, the writer is a real slapd."""
    operators = folder / "operators.lst"
    operators.write_text(f"{OPERATOR}/32\n", "ascii")
    text = CONFIGURATION.read_text("utf-8")
    away = free_port()
    for pattern, by in (
        (r"/etc/annuaire/ldap-operators\.lst", str(operators)),
        (r"192\.0\.2\.1[12]:\d+", f"{LOOPBACK}:{away}"),
        (r"192\.0\.2\.10:\d+", f"{LOOPBACK}:{slapd.port}"),
        (r"check port 389", f"check port {slapd.port}"),
        (r"    bind \[::\].*\n", ""),
        (r"bind 0\.0\.0\.0:389", f"bind {LOOPBACK}:{front}"),
        (r"    bind 0\.0\.0\.0:636\n", ""),
        (r"inter 2s", "inter 200ms"),
        # File descriptors, of which a test has few.
        (r"maxconn 20000", "maxconn 500"),
    ):
        text, count = re.subn(pattern, by, text)
        assert count, pattern
    return text


@pytest.fixture
def front(slapd: Slapd, tmp_path: Path) -> Iterator[Front]:
    """HAProxy, once it has found out who is away."""
    assert HAPROXY, "install haproxy (deploy/packages.sh test)"
    port = free_port()
    path = tmp_path / "haproxy.cfg"
    path.write_text(configured(tmp_path, slapd, port), "utf-8")
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen([HAPROXY, "-db", "-f", str(path)], stdout=log, stderr=log)
    try:
        made = Front(port)
        wait_for(lambda: _serves(made), "HAProxy serves", lambda: (tmp_path / "log").read_text("utf-8"))
        yield made
    finally:
        running.terminate()
        running.wait(30)


def _serves(front: Front) -> bool:
    with ExitStack() as stack:
        return front.served(OPERATOR, stack)


def test_an_address_holds_few_connections_and_an_operator_many(front: Front) -> None:
    with ExitStack() as stack:
        for source, asked, got in ((STRANGER, AT_ONCE + 5, AT_ONCE), (OPERATOR, A_MINUTE + 10, A_MINUTE + 10)):
            assert [front.served(source, stack) for _ in range(asked)].count(True) == got
        # Another address is not concerned.
        assert front.served("127.0.0.4", stack)


def test_an_address_opens_so_many_in_a_minute(front: Front) -> None:
    def served_once() -> bool:
        with ExitStack() as stack:
            return front.served(STRANGER, stack)

    served = [served_once() for _ in range(A_MINUTE + 10)]
    assert AT_ONCE < sum(served) <= A_MINUTE
    assert not served[-1]


def test_the_file_is_sound_as_it_is_committed(tmp_path: Path) -> None:
    assert HAPROXY
    text = CONFIGURATION.read_text("utf-8")
    (tmp_path / "operators").touch()
    path = tmp_path / "haproxy.cfg"
    path.write_text(text.replace("/etc/annuaire/ldap-operators.lst", str(tmp_path / "operators")), "utf-8")
    said = subprocess.run([HAPROXY, "-c", "-f", str(path)], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, "")

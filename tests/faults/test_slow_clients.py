"""F11, clients that send a byte now and then, or none: others are served, and the front ends them."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.settings import Settings
from tests.access.conftest import authority, certificate_settings
from tests.deploy.conftest import Start, start
from tests.faults.gate import until
from tests.faults.installation import ADDRESSES, installed
from tests.faults.report import Tell, Tried
from tests.harness.database import Database
from tests.http.fixtures import api_settings

__all__ = ["api_settings", "authority", "certificate_settings", "start"]

SLOW = 300
HEAD = b"GET /healthz HTTP/1.1\r\nHost: annuaire.example\r\nX-Slow: "
BODY = b"PUT /v1/mailboxes/%s HTTP/1.1\r\nHost: annuaire.example\r\nContent-Length: 900000\r\n\r\n{"


@contextmanager
def slow(port: int, beginning: bytes) -> Iterator[list[socket.socket]]:
    """Connections on which a request begins and does not end."""
    clients = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(SLOW)]
    try:
        for client in clients:
            client.sendall(beginning)
        yield clients
    finally:
        for client in clients:
            client.close()


@pytest.mark.fault
@pytest.mark.parametrize("beginning", [HEAD, BODY % ADDRESSES[0].encode()], ids=["head", "body"])
def test_others_are_served_beside_requests_that_never_end(
    database: Database, settings: Settings, tmp_path: Path, tell: Tell, beginning: bytes
) -> None:
    one = installed(database, tmp_path, settings)
    with one.serving():
        clients = one.clients(11)
        with clients.at_work(), slow(one.port, beginning) as others:
            for each in range(3):
                for other in others:
                    other.sendall(b"%d" % each)
                clients.wait_for_all(time.monotonic())
    lost, broken = one.harm(clients)
    tell(Tried("F11", f"{SLOW} requests do not end on a bare API", SLOW, len(lost), len(broken)))
    assert (lost, broken) == ([], [])
    assert set(clients.statuses) <= {200, 409, 503}


@pytest.mark.fault
def test_the_front_ends_heads_that_do_not_come(start: Start, tell: Tell) -> None:
    """Its limits are those of deploy/nginx, but for the seconds, of which a test has fewer."""
    front = start(edit=lambda text: text.replace("client_header_timeout 10s", "client_header_timeout 1s"))
    with slow(front.port, b"") as clients:
        assert front.get("/healthz")[0] == 200
        begun = time.monotonic()
        until(lambda: all(_is_ended(client) for client in clients), "the front has ended them")
        recovery = time.monotonic() - begun
        assert front.get("/healthz")[0] == 200
    tell(Tried("F11", f"{SLOW} connections say nothing to the front", SLOW, 0, 0, recovery))


def _is_ended(client: socket.socket) -> bool:
    client.settimeout(0.01)
    try:
        return client.recv(1, socket.MSG_PEEK) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True

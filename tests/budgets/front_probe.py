"""Run in a network of its own (`unshare -n`): what deploy/ldap/front.nft lets through, as JSON on stdout."""

import json
import socket
import subprocess
import sys
import threading

from app.embedded import free_port
from tests.harness import ldap_front

# Long enough for a loaded machine; what the front drops never comes.
SECONDS, IMPATIENT = 10.0, 0.2
GREEDY, OTHER, MODEST, STRANGER = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"
# The first two are of one network of 56 bits, the third is of the next.
GREEDY6, NEIGHBOUR6, OTHER6 = "fd00:0:0:100::1", "fd00:0:0:1ff::1", "fd00:0:0:200::1"
BLOCK = b"x" * 16_384
CONNECTIONS = 60


def serve(listener: socket.socket) -> None:
    """Send to whoever connects as much as it takes, to MODEST a byte."""
    while True:
        peer, address = listener.accept()
        if address[0] == MODEST:
            peer.sendall(b"x")
            peer.close()
        else:
            threading.Thread(target=_pour, args=(peer,), daemon=True).start()


def _pour(peer: socket.socket) -> None:
    try:
        while True:
            peer.sendall(BLOCK)
    except OSError:
        peer.close()


def taken(port: int, source: str, most: int, seconds: float = SECONDS) -> int:
    """Bytes that an address gets before it is shut out, at most `most`; 0 when it cannot connect."""
    got = 0
    try:
        host = "::1" if ":" in source else "127.0.0.1"
        with socket.create_connection((host, port), seconds, source_address=(source, 0)) as connection:
            while got < most:
                block = connection.recv(65_536)
                if not block:
                    break
                got += len(block)
    except OSError:
        return got
    return got


def main() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (GREEDY6, NEIGHBOUR6, OTHER6):
        subprocess.run(["ip", "address", "add", f"{address}/128", "dev", "lo", "nodad"], check=True)
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    listener6 = socket.create_server(("::1", 0), family=socket.AF_INET6)
    port, port6, closed = listener.getsockname()[1], listener6.getsockname()[1], free_port()
    ldap_front.put_up(port, port6, closed)
    for each in (listener, listener6):
        threading.Thread(target=serve, args=(each,), daemon=True).start()
    told: dict[str, int | list[str]] = {
        "greedy": taken(port, GREEDY, 1 << 30),
        "again": taken(port, GREEDY, 1),
        "other": taken(port, OTHER, 100_000),
        "connections": sum(taken(port, MODEST, 1, IMPATIENT) for _ in range(CONNECTIONS)),
        "stranger": taken(closed, STRANGER, 1),
        "greedy6": taken(port6, GREEDY6, 1 << 30),
        "neighbour6": taken(port6, NEIGHBOUR6, 1),
        "other6": taken(port6, OTHER6, 100_000),
    }
    told["counted"] = sorted(ldap_front.sent())
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()

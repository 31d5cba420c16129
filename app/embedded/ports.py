"""TCP ports on the loopback address: a free one, or a clear word about a taken one."""

import itertools
import os
import socket

from app.console import Refused

LOOPBACK = "127.0.0.1"
# Below those that kernels give to clients by default (Linux 32768, RFC 6335 49152), above those of well-known servers.
FIRST_PORT, LAST_PORT = 20_000, 32_000
_SPAN = LAST_PORT - FIRST_PORT
_ports = (FIRST_PORT + (os.getpid() * 1009 + count) % _SPAN for count in itertools.count())


class PortTaken(Refused):
    """Another program listens where we were asked to."""


def free_port() -> int:
    """A port that nobody listens on at this moment, and that no client is given: so it stays free until it is bound.

    Each process goes through the ports from another one on, so two that look at once seldom find the same.
    Raises PortTaken.
    """
    for port in itertools.islice(_ports, _SPAN):
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        return port
    raise PortTaken(f"every port from {FIRST_PORT} to {LAST_PORT - 1} on {LOOPBACK} is taken", "port.taken")


def require_free(port: int, *, use: str, option: str) -> None:
    """Raises PortTaken, naming the option that chooses another port."""
    with socket.socket() as probe:
        # Like the servers themselves: connections in TIME_WAIT do not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except PermissionError as error:
            raise PortTaken(
                f"port {port} for {use} needs root: choose one above 1023 with {option}", "port.forbidden"
            ) from error
        except OSError as error:
            raise PortTaken(
                f"port {port} on {LOOPBACK} for {use} is taken by another program: stop it or choose another port "
                f"with {option}",
                "port.taken",
            ) from error

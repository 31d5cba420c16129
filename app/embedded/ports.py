"""TCP ports on the loopback address: a free one, or a clear word about a taken one."""

import socket

from app.console import Refused

LOOPBACK = "127.0.0.1"


class PortTaken(Refused):
    """Another program listens where we were asked to."""


def free_port() -> int:
    """A port that nobody listens on at this moment; the kernel does not hand it out twice in a row."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


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

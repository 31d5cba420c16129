"""A line between two servers that a test can cut and mend."""

import contextlib
import socket
import threading

from app.embedded.ports import LOOPBACK

BLOCK = 1 << 16
TICK = 0.2


class Relay:
    """Passes connections on to `port`. Cut: open ones are reset, and new ones are closed at once."""

    def __init__(self, port: int) -> None:
        self._target = (LOOPBACK, port)
        self._listener = socket.create_server((LOOPBACK, 0))
        self._listener.settimeout(TICK)
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_cut = self._is_closed = False
        # Connections that were passed on, and those asked for while the line was cut.
        self.passed = 0
        self.refused = 0
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self) -> None:
        with self._lock:
            self._is_cut = True
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        with self._lock:
            self._is_cut = False

    def close(self) -> None:
        self._is_closed = True
        self.cut()
        for thread in self._threads:
            thread.join(60)
        self._listener.close()

    def _accept(self) -> None:
        while not self._is_closed:
            try:
                near, _ = self._listener.accept()
            except TimeoutError:
                continue
            with self._lock:
                if self._is_cut:
                    self.refused += 1
                    near.close()
                    continue
                self._join(near)

    def _join(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self._target, timeout=10)
        except OSError:
            near.close()
            return
        self.passed += 1
        for end in (near, far):
            end.settimeout(None)
            self._open.add(end)
        pair = threading.Thread(target=self._serve, args=(near, far))
        self._threads.append(pair)
        pair.start()

    def _serve(self, near: socket.socket, far: socket.socket) -> None:
        back = threading.Thread(target=_pass, args=(far, near))
        back.start()
        _pass(near, far)
        back.join()
        with self._lock:
            self._open -= {near, far}
        near.close()
        far.close()


def _pass(source: socket.socket, target: socket.socket) -> None:
    """Until either end is closed; then both are shut, so that whoever passes the other way ends too."""
    with contextlib.suppress(OSError):
        while block := source.recv(BLOCK):
            target.sendall(block)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)

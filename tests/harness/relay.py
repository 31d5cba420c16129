"""A line between two programs that a test can cut, mend, slow down, freeze, or reset at a chosen word."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from app.embedded.ports import LOOPBACK

BLOCK = 1 << 16
TICK = 0.2
# Closed so, a connection is reset: its peer gets no orderly end.
RESET = struct.pack("ii", 1, 0)


class Relay:
    """Passes connections on to `target`, a port or the path of a unix socket. Itself it listens on a free port, or `at`
    a path.

    Cut: open ones are shut, and new ones are closed at once. Frozen: nothing passes either way, and nothing ends.
    `delay`: seconds before each block passes. `reset_at`: words of the target; the block that has them does not pass,
    its connection is reset instead, once.
    """

    def __init__(self, target: int | Path, at: Path | None = None) -> None:
        self._target = target
        self._listener = _listener(at)
        self._listener.settimeout(TICK)
        self.port: int = 0 if at else self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._reset: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_cut = self._is_closed = False
        self._flows = threading.Event()
        self._flows.set()
        self.delay = 0.0
        self.reset_at: bytes | None = None
        # Connections that were passed on, those asked for while the line was cut, and those that were reset.
        self.passed = self.refused = self.resets = 0
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self) -> None:
        with self._lock:
            self._is_cut = True
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """As new: neither cut nor frozen nor slow."""
        with self._lock:
            self._is_cut = False
        self.delay = 0.0
        self._flows.set()

    def freeze(self) -> None:
        self._flows.clear()

    def close(self) -> None:
        self._is_closed = True
        self._flows.set()
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
            far = _connected(self._target)
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
        back = threading.Thread(target=self._answer, args=(far, near))
        back.start()
        for block in _blocks(near):
            self._pass(block, far)
        # Shut in order, a connection could not be reset any more.
        _shut(*((far,) if near in self._reset else (near, far)))
        back.join()
        with self._lock:
            self._open -= {near, far}
            self._reset.discard(near)
        near.close()
        far.close()

    def _answer(self, far: socket.socket, near: socket.socket) -> None:
        for block in _blocks(far):
            if self.reset_at and self.reset_at in block:
                self.reset_at = None
                self.resets += 1
                self._reset.add(near)
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                # Ends `_serve`, which closes it.
                near.shutdown(socket.SHUT_RD)
                break
            self._pass(block, near)
        else:
            _shut(near)
        _shut(far)

    def _pass(self, block: bytes, target: socket.socket) -> None:
        time.sleep(self.delay)
        self._flows.wait()
        with contextlib.suppress(OSError):
            target.sendall(block)


def _blocks(source: socket.socket) -> Iterator[bytes]:
    """What comes, until its end or its loss."""
    with contextlib.suppress(OSError):
        while block := source.recv(BLOCK):
            yield block


def _shut(*ends: socket.socket) -> None:
    """Both ways, so that whoever passes the other way ends too."""
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _listener(at: Path | None) -> socket.socket:
    if at is None:
        return socket.create_server((LOOPBACK, 0))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(at))
    listener.listen()
    return listener


def _connected(target: int | Path) -> socket.socket:
    if isinstance(target, int):
        return socket.create_connection((LOOPBACK, target), timeout=10)
    far = socket.socket(socket.AF_UNIX)
    far.settimeout(10)
    far.connect(str(target))
    return far

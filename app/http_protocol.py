"""uvicorn's HTTP protocol, which writes head and body of an answer by one system call instead of two.

ASGI lets a server hold the head back until the first part of the body comes; uvicorn writes it at once, which wakes the
client for nothing and costs as much as a fifth of a look-up.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD, HEAD_ENDS = b"HTTP/1.1 ", b"\r\n\r\n"
# The client waits for it before it sends its body.
CONTINUE = b"HTTP/1.1 100 "


class Joined:
    """A transport that keeps the head of an answer until what follows is written, or the answer is complete."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def write(self, data: bytes) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        elif data.startswith(HEAD) and data.endswith(HEAD_ENDS) and not data.startswith(CONTINUE):
            self._head = data
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Write what is held back: an answer without any body is complete."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class JoinedWrites(HttpToolsProtocol):
    """As uvicorn's, over a joining transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Joined(transport))  # type: ignore[arg-type]

    def on_response_complete(self) -> None:
        if isinstance(self.transport, Joined):
            self.transport.flush()
        super().on_response_complete()

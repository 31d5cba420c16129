"""Connections of the load: HTTP and LDAP by the bytes, so that the generator costs little beside what it measures."""

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from ldap3.operation.search import search_operation
from ldap3.protocol.rfc4511 import LDAPMessage, MessageID, ProtocolOp
from pyasn1.codec.ber import encoder

SEQUENCE, SEARCH_DONE = 0x30, 0x65
# RFC 4511 §4.1.9: a list cut by the size limit is an answer, as clients see it.
SUCCESS, SIZE_LIMIT_EXCEEDED = 0, 4
HEADERS_END, LONG_LENGTH = b"\r\n\r\n", 0x80
# A server may close what is idle for five seconds, at the very moment at which it is used again.
IDLE_SECONDS = 4.0

T = TypeVar("T", bound="Wire")


class Wire(asyncio.Protocol):
    """One connection with one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._buffer = bytearray()

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # That of uvloop is one, and no subclass.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._answer and not self._answer.done() and (found := self.parsed(self._buffer)):
            self._buffer.clear()
            self._answer.set_result(found)

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """(status, the rest of the answer that matters). Raises ConnectionError."""
        if self._transport is None:
            raise ConnectionResetError("the server hung up")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def parsed(self, buffer: bytearray) -> tuple[int, bytes] | None:
        """The answer, once the buffer holds it whole."""
        raise NotImplementedError


class HttpWire(Wire):
    """HTTP/1.1 with bodies of a known length. The answer: its status, its head and body."""

    def parsed(self, buffer: bytearray) -> tuple[int, bytes] | None:
        end = buffer.find(HEADERS_END)
        if end < 0:
            return None
        head = bytes(buffer[:end]).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if len(buffer) < end + len(HEADERS_END) + length:
            return None
        return int(head[9:12]), bytes(buffer)


class LdapWire(Wire):
    """A search at a time. The answer: its result code, and nothing of the entries."""

    def parsed(self, buffer: bytearray) -> tuple[int, bytes] | None:
        position = 0
        while (found := _message(buffer, position)) is not None:
            operation, content, position = found
            if operation == SEARCH_DONE:
                # ENUMERATED of one byte.
                return buffer[content + 2], b""
        del buffer[:position]
        return None


def _message(buffer: bytearray, position: int) -> tuple[int, int, int] | None:
    """(tag of the operation, where its content begins, where the next message begins), if the message is whole."""
    opened = _opened(buffer, position)
    if opened is None or len(buffer) < opened[1]:
        return None
    start, end = opened
    identifier = _opened(buffer, start)
    assert identifier is not None
    operation = _opened(buffer, identifier[1])
    assert operation is not None
    return buffer[identifier[1]], operation[0], end


def _opened(buffer: bytearray, position: int) -> tuple[int, int] | None:
    """(start, end) of the content of the element of BER that begins here, once its length can be read."""
    if len(buffer) < position + 2:
        return None
    length, start = buffer[position + 1], position + 2
    if length & LONG_LENGTH:
        size = length & ~LONG_LENGTH
        if len(buffer) < start + size:
            return None
        length, start = int.from_bytes(buffer[start : start + size], "big"), start + size
    return start, start + length


class Pool(Generic[T]):
    """At most `most` connections, opened as they are needed; whoever finds none waits its turn."""

    def __init__(self, make: Callable[[], T], port: int, most: int) -> None:
        self._make, self._port = make, port
        self._turns = asyncio.Semaphore(most)
        self._idle: list[tuple[T, float]] = []

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """One request on any connection. Raises ConnectionError."""
        async with self._turns:
            wire = await self._taken()
            try:
                answer = await wire.ask(request)
            except BaseException:
                wire.close()
                raise
            self._idle.append((wire, time.monotonic()))
            return answer

    def close(self) -> None:
        for wire, _ in self._idle:
            wire.close()

    async def _taken(self) -> T:
        while self._idle:
            wire, since = self._idle.pop()
            if wire.is_open and time.monotonic() - since < IDLE_SECONDS:
                return wire
            wire.close()
        _, made = await asyncio.get_running_loop().create_connection(self._make, "127.0.0.1", self._port)
        return made


def http_request(method: str, path: str, key: str, body: bytes | None = None, **headers: str) -> bytes:
    """The bytes of one request."""
    lines = [f"{method} {path} HTTP/1.1", "host: bench", f"authorization: Bearer {key}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def ldap_search(base: str, query: str, *, limit: int) -> bytes:
    """The bytes of one search of a subtree for the addresses and names."""
    message = LDAPMessage()
    message["messageID"] = MessageID(2)
    request = search_operation(base, query, "SUBTREE", "NEVER", ["mail", "cn"], limit, 0, False, None, None, None)
    message["protocolOp"] = ProtocolOp().setComponentByName("searchRequest", request)
    return bytes(encoder.encode(message))

"""Head and body of an answer leave in one piece; nothing that a client waits for is held back."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn

from app.http_protocol import JoinedWrites
from tests.bench.bare import BODY, app

ASK = "{} /x HTTP/1.1\r\nHost: here\r\n{}\r\n"


class Recorded(asyncio.Transport):
    """What the operating system would be given, a piece a call."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.is_closed = False

    def write(self, data: Any) -> None:
        self.pieces.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True


def pieces(asked: str, application: Callable[..., Any] = app) -> list[bytes]:
    async def main() -> list[bytes]:
        config = uvicorn.Config(application, http=JoinedWrites, log_config=None)
        config.load()
        server = uvicorn.Server(config)
        protocol = JoinedWrites(config, server.server_state, {})
        transport = Recorded()
        protocol.connection_made(transport)
        protocol.data_received(asked.encode())
        await asyncio.gather(*server.server_state.tasks)
        protocol.connection_lost(None)
        return transport.pieces

    return asyncio.run(main())


def test_an_answer_is_one_piece() -> None:
    (piece,) = pieces(ASK.format("GET", ""))
    assert piece.startswith(b"HTTP/1.1 200 OK\r\n")
    assert piece.endswith(b"\r\n\r\n" + BODY)


@pytest.mark.parametrize("headers", ["", "Connection: close\r\n"])
def test_an_answer_without_a_body_is_not_held_back(headers: str) -> None:
    (piece,) = pieces(ASK.format("HEAD", headers))
    assert piece.startswith(b"HTTP/1.1 200 OK\r\n")
    assert piece.endswith(b"\r\n\r\n")


def test_a_client_that_waits_to_send_its_body_is_told_at_once() -> None:
    async def takes_a_body(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await app(scope, receive, send)

    asked = ASK.format("POST", "Content-Length: 2\r\nExpect: 100-continue\r\n") + "{}"
    first, second = pieces(asked, takes_a_body)
    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert second.startswith(b"HTTP/1.1 200 OK\r\n")


def test_parts_of_a_body_leave_as_they_come() -> None:
    async def in_parts(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    first, second = pieces(ASK.format("GET", ""), in_parts)
    assert first.endswith(b"\r\n\r\n3\r\none\r\n")
    assert second == b"3\r\ntwo\r\n0\r\n\r\n"

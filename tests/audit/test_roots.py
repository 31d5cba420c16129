"""Roots are kept in a file or behind a URL, hourly, and a trail is held against them."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.access.audit_roots import AnchorRefused, Root, anchor, root, roots_of
from app.access.audit_verify import GENESIS
from app.console import Refused
from app.duties.catalogue import DUTIES
from app.duties.loop import do_due
from app.settings import Settings
from tests.audit.acts import Connection, a_trail
from tests.harness.database import Database

Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def trail(database: Database) -> Connection:
    connection = database.connect(autocommit=True)
    a_trail(connection, 3)
    return connection


@contextmanager
def keeper(status: int, received: list[Any], location: str | None = None) -> Iterator[str]:
    """A server that answers each POST with `status`; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((self.path, self.headers["content-type"], json.loads(body)))
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the library's parameter
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        running = threading.Thread(target=server.serve_forever)
        running.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/roots"
        finally:
            server.shutdown()
            running.join()


def test_a_file_gets_a_line_for_each_root_and_none_twice(trail: Connection, tmp_path: Path) -> None:
    file = tmp_path / "roots"
    first = anchor(trail, str(file))
    anchor(trail, str(file))
    a_trail(trail, 1)
    second = anchor(trail, str(file))
    assert list(roots_of(file)) == [first, second]
    assert (first.sequence, second.sequence, second.count) == (3, 4, 4)
    assert second.hash == root(trail).hash


def test_a_url_gets_the_root_by_post(trail: Connection) -> None:
    received: list[Any] = []
    with keeper(204, received) as url:
        present = anchor(trail, url)
    assert received == [("/roots", "application/json", present.as_json())]
    assert received[0][2]["hash"] == present.hash.hex()


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_root_that_is_not_taken_is_an_error(trail: Connection, status: int) -> None:
    with keeper(status, []) as url, pytest.raises(OSError, match=str(status)):
        anchor(trail, url)


def test_a_root_is_not_sent_on(trail: Connection) -> None:
    received: list[Any] = []
    with keeper(302, received, "/elsewhere") as url, pytest.raises(AnchorRefused, match="/elsewhere"):
        anchor(trail, url)
    assert [path for path, _, _ in received] == ["/roots"]


def test_nobody_who_answers_is_an_error(trail: Connection) -> None:
    with keeper(204, []) as url:
        pass
    with pytest.raises(OSError, match="refused"):
        anchor(trail, url)


def test_the_root_of_an_empty_trail_is_the_beginning(database: Database) -> None:
    beginning = root(database.connect())
    assert (beginning.sequence, beginning.hash, beginning.count) == (0, GENESIS, 0)


@pytest.mark.parametrize(
    "line",
    [
        "x",
        "[]",
        "{}",
        '{"sequence": 1, "hash": "00", "count": 1, "epoch": "", "at": ""}',
        '{"sequence": 1, "hash": "zz"}',
    ],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "roots"
    file.write_text(f"\n{line}\n", "utf-8")
    with pytest.raises(Refused, match=r"line 2|64 hexadecimal"):
        list(roots_of(file))


def test_half_a_line_is_neither_read_nor_gone_on_with(trail: Connection, tmp_path: Path) -> None:
    file = tmp_path / "roots"
    anchor(trail, str(file))
    file.write_text(file.read_text("utf-8")[:50], "utf-8")
    a_trail(trail, 1)
    with pytest.raises(Refused, match="middle of a line"):
        anchor(trail, str(file))
    assert len(file.read_text("utf-8")) == 50


def test_the_worker_keeps_the_root_each_hour(trail: Connection, settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "roots"
    anchored = settings.model_copy(update={"audit_anchor": str(file)})
    do_due(trail, anchored, DUTIES, threading.Event())
    a_trail(trail, 1)
    do_due(trail, anchored, DUTIES, threading.Event())
    trail.execute("UPDATE duty SET done_at = done_at - interval '1 hour'")
    do_due(trail, anchored, DUTIES, threading.Event())
    assert [kept.sequence for kept in roots_of(file)] == [3, 4]


def test_without_the_setting_nothing_is_kept(trail: Connection, settings: Settings) -> None:
    do_due(trail, settings, DUTIES, threading.Event())
    assert trail.execute("SELECT failure FROM duty WHERE failure <> ''").fetchall() == []


@pytest.mark.parametrize("target", ["ftp://example.org/roots", "mailto:a@b.c", "http://", "file:///roots"])
def test_a_target_that_is_neither_file_nor_http_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="audit_anchor"):
        Settings(_env_file=None, audit_anchor=target)


def test_a_root_is_read_as_it_was_written() -> None:
    one = Root(1, bytes(range(32)), 1, "epoch", "2026-01-01T00:00:00.000000Z")
    assert one.as_json()["hash"] == bytes(range(32)).hex()

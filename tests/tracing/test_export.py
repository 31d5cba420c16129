"""What leaves is listed, bounded and counted, and says of an error its kind alone."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from app import tracing
from app.settings import Settings
from app.tracing import export
from app.tracing.export import A_BATCH, MOST_WAITING
from tests.tracing.collector import Collector

CANARY = "zq7canari"


def without_database(url: str) -> Settings:
    return Settings(_env_file=None, traces_url=url, traces_ratio=1.0)


def test_what_is_not_listed_stays_here(collector: Collector) -> None:
    with (
        tracing.in_force(without_database(collector.url), "annuaire-test"),
        tracing.span("one", {"url.path": CANARY, "annuaire.stage": "x" * 500}) as note,
    ):
        note("url.query", CANARY)
        note("annuaire.changes", 3)
    (span,) = collector.spans
    assert span.said == {"annuaire.changes": 3, "annuaire.stage": "x" * export.LONGEST_VALUE}
    assert CANARY.encode() not in b"".join(collector.bodies)


def test_an_error_is_told_by_its_kind(collector: Collector) -> None:
    with tracing.in_force(without_database(collector.url), "annuaire-test"), pytest.raises(ValueError, match=CANARY):
        _fails()
    (span,) = collector.spans
    assert (span.said, span.is_failed) == ({"error.type": "ValueError"}, True)
    assert CANARY.encode() not in b"".join(collector.bodies)


def _fails() -> None:
    with tracing.span("one"):
        raise ValueError(CANARY)


def test_more_than_may_wait_is_dropped_and_counted() -> None:
    """The collector holds the first batch; whoever ends spans meanwhile does not wait for it."""
    held, go_on = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            held.set()
            go_on.wait(60)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    lost: list[int] = []
    with tracing.in_force(without_database(f"http://127.0.0.1:{server.server_address[1]}/"), "test", lost.append):
        for _ in range(A_BATCH):
            _one()
        assert held.wait(60)
        for _ in range(MOST_WAITING + 100):
            _one()
        assert sum(lost) == 100
        go_on.set()
    server.shutdown()
    server.server_close()
    assert sum(lost) == 100, "what waited was taken"


def _one() -> None:
    with tracing.span("one"):
        pass


def test_where_it_is_off_a_span_hears_nothing_and_tells_nobody() -> None:
    with tracing.in_force(Settings(_env_file=None), "annuaire-test"), tracing.span("one") as note:
        note("annuaire.changes", 1)
        note.rename("other")
        note.fail()
        assert note.headers == {}
        assert not tracing.is_heard()

"""Requests to a directory that is away, slow, busy, or somebody else: what is sent again, and what never is."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import trustme

from app.console import Refused
from app.members.credentials import Credentials
from app.members.directory import Directory
from app.members.rest import FIRST_PATIENCE_SECONDS, LONGEST_PAUSE, PATIENCE_SECONDS, Answered, Rest
from tests.members.conftest import ANNE, DOMAIN, OPERATOR

# What a faked directory does with a request: (status, headers, body), or None to hang up.
Reply = tuple[int, dict[str, str], Any] | None
OK: Reply = (200, {}, {"results": [{"line": 1, "status": 201}]})
BUSY: Reply = (503, {"Retry-After": "1"}, {"code": "write.busy", "detail": "busy"})


class Remote:
    """A directory somewhere else: it answers what it is told, and keeps what it was asked."""

    def __init__(self, replies: list[Reply], context: ssl.SSLContext | None = None) -> None:
        asked: list[tuple[str, dict[str, str], bytes]] = []
        self.asked = asked

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                held = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
                asked.append((self.path, {**self.headers, "held": str(held)}, body))
                reply = replies.pop(0)
                if reply is None:
                    self.close_connection = True
                    return
                status, headers, said = reply
                content = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer  # noqa: N815 - names of http.server

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of the client: pauses are noted, and pass at once."""
    waited: list[float] = []
    monkeypatch.setattr("app.members.rest.sleep", waited.append)
    monkeypatch.setattr("app.members.directory.sleep", waited.append)
    monkeypatch.setattr("app.members.rest.monotonic", lambda: sum(waited))
    return waited


@pytest.fixture
def remote() -> Iterator[Callable[..., Remote]]:
    started: list[Remote] = []

    def start(*replies: Reply, context: ssl.SSLContext | None = None) -> Remote:
        started.append(Remote(list(replies), context))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@contextmanager
def connected(remote: Remote, **options: Any) -> Iterator[Rest]:
    with Rest(f"http://127.0.0.1:{remote.port}/annuaire/", Credentials(key="annuaire_k"), **options) as rest:
        yield rest


@pytest.mark.usefixtures("pauses")
@pytest.mark.parametrize(
    "trouble",
    [
        None,
        BUSY,
        (502, {}, b"<html>"),
        (429, {}, {"code": "rate.exceeded"}),
        (409, {}, {"code": "idempotency.in_flight"}),
    ],
)
def test_a_batch_is_sent_again_under_the_same_key(remote: Callable[..., Remote], trouble: Reply) -> None:
    there = remote(OK, trouble, OK, OK)
    with connected(there) as rest:
        directory = Directory(rest)
        for _ in range(3):
            directory.write([{"operation": "put", "address": "a@b.fr"}])
    paths, headers, bodies = zip(*there.asked, strict=True)
    assert set(paths) == {"/annuaire/v1/mailboxes/batch"}
    keys = [each["Idempotency-Key"] for each in headers]
    assert keys[1] == keys[2]
    assert len(set(keys)) == 3
    assert set(bodies) == {b'{"operation": "put", "address": "a@b.fr"}\n'}
    assert {each["Authorization"] for each in headers} == {"Bearer annuaire_k"}


def test_patience_follows_the_directory_and_ends(remote: Callable[..., Remote], pauses: list[float]) -> None:
    there = remote(OK, *[BUSY] * 100)
    with connected(there) as rest:
        rest.get("/v1/me")
        with pytest.raises(Answered) as refusal:
            rest.get("/v1/me")
    assert refusal.value.code == "write.busy"
    assert pauses[0] == 1.0
    assert max(pauses) == LONGEST_PAUSE
    assert PATIENCE_SECONDS - LONGEST_PAUSE <= sum(pauses) <= PATIENCE_SECONDS


def test_a_directory_that_never_answered_is_given_up_soon(remote: Callable[..., Remote], pauses: list[float]) -> None:
    there = remote(*[None] * 100)
    with connected(there) as rest, pytest.raises(Refused) as refusal:
        rest.get("/v1/me")
    assert refusal.value.code == "members.unreachable"
    assert sum(pauses) <= FIRST_PATIENCE_SECONDS


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500])
def test_what_was_refused_is_not_sent_again(remote: Callable[..., Remote], status: int) -> None:
    there = remote((status, {}, {"code": "some.code", "detail": "No."}))
    with connected(there) as rest, pytest.raises(Answered) as refusal:
        rest.post("/v1/practitioners/lookup", {})
    assert (refusal.value.code, refusal.value.message) == ("some.code", "the directory says: No.")
    assert len(there.asked) == 1


def test_something_else_at_the_url_is_told(remote: Callable[..., Remote]) -> None:
    with connected(remote((200, {}, b"<html>Welcome"))) as rest, pytest.raises(Refused) as refusal:
        rest.get("/v1/me")
    assert refusal.value.code == "members.answer"


@pytest.mark.parametrize("results", [[], [{"line": 1, "status": 202}]])
def test_a_report_that_does_not_tell_what_was_done_stops_the_run(
    remote: Callable[..., Remote], command: Callable[..., tuple[int, Any]], tmp_path: Path, results: list[Any]
) -> None:
    """One line too few, or one that was neither created, changed, withdrawn nor refused."""
    me = {"operator": OPERATOR, "scopes": ["publish"], "domains": [DOMAIN]}
    said: list[Any] = [me, {"edition": 1}, {"items": [], "next": None}, {"results": results}]
    there = remote(*((200, {}, each) for each in said))
    file, key = tmp_path / "members.csv", tmp_path / "publish.key"
    file.write_text(f"adresse;rpps\nanne@{DOMAIN};{ANNE}\n", "ascii")
    key.write_text("annuaire_k\n", "ascii")
    url = f"http://127.0.0.1:{there.port}"
    code, told = command("mailbox", "publish", str(file), "--key-file", str(key), "--url", url)
    assert (code, told["error"]["code"]) == (2, "members.answer")


def test_lines_that_an_import_holds_are_sent_again_alone(remote: Callable[..., Remote], pauses: list[float]) -> None:
    busy, done = {"status": 503, "code": "write.busy"}, {"status": 201}
    there = remote((200, {}, {"results": [busy, done, busy]}), (200, {}, {"results": [done, busy]}),
                   *[(200, {}, {"results": [busy]})] * 2)  # fmt: skip
    with connected(there) as rest:
        results = Directory(rest).write([{"address": name} for name in "abc"])
    assert results == [done, done, busy]
    assert [body.decode().count("\n") for _, _, body in there.asked] == [3, 2, 1, 1]
    assert len(pauses) == 3


def tls(authority: trustme.CA, clients: trustme.CA | None = None) -> ssl.SSLContext:
    """The server's side of TLS for 127.0.0.1; with `clients` it asks for a certificate of theirs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        clients.configure_trust(context)
    return context


def test_a_client_certificate_goes_with_the_connection(remote: Callable[..., Remote], tmp_path: Path) -> None:
    authority, clients = trustme.CA(), trustme.CA()
    held = clients.issue_cert("bal.reseau.example", common_name="bal.reseau.example")
    trusted, chain, key = tmp_path / "ca.pem", tmp_path / "own.pem", tmp_path / "own.key"
    authority.cert_pem.write_to_path(trusted)
    held.cert_chain_pems[0].write_to_path(chain)
    held.private_key_pem.write_to_path(key)
    there = remote(OK, context=tls(authority, clients))
    with Rest(f"https://127.0.0.1:{there.port}", Credentials(certificate=(chain, key)), trusted) as rest:
        rest.get("/v1/me")
    assert "bal.reseau.example" in there.asked[0][1]["held"]
    assert "Authorization" not in there.asked[0][1]


def test_a_server_that_is_not_trusted_is_told_no_secret(remote: Callable[..., Remote], pauses: list[float]) -> None:
    there = remote(context=tls(trustme.CA()))
    with (
        Rest(f"https://127.0.0.1:{there.port}", Credentials(key="annuaire_k")) as rest,
        pytest.raises(Refused) as refusal,
    ):
        rest.get("/v1/me")
    assert (refusal.value.code, there.asked, pauses) == ("members.url", [], [])


def test_a_secret_is_shown_nowhere() -> None:
    assert "annuaire_k" not in repr(Credentials(key="annuaire_k"))


def test_a_download_waits_as_long_as_the_directory_asks_and_no_longer_than_it_may(
    remote: Callable[..., Remote], pauses: list[float]
) -> None:
    there = remote((503, {"Retry-After": "7"}, b"{}"), (429, {"Retry-After": "600"}, b"{}"), (200, {}, b"whole"))
    out = BytesIO()
    with connected(there) as rest:
        rest.save("/v1/snapshots/7/directory.ndjson.zst", out)
    assert out.getvalue() == b"whole"
    assert pauses == [7.0, LONGEST_PAUSE]


def test_a_download_that_is_put_off_for_ever_is_given_up(remote: Callable[..., Remote], pauses: list[float]) -> None:
    there = remote(*[(503, {}, b"{}")] * 100)
    with connected(there) as rest, pytest.raises(Refused) as refusal:
        rest.save("/v1/snapshots/7/directory.ndjson.zst", BytesIO())
    assert refusal.value.code == "members.unreachable"
    assert PATIENCE_SECONDS - LONGEST_PAUSE <= sum(pauses) <= PATIENCE_SECONDS
    # Not twice a second all the while.
    assert len(there.asked) < 30

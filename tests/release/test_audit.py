"""The audit of dependencies, against a service that answers, one that is busy, and none."""

import json
import threading
from collections.abc import Iterator
from datetime import date
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from release import audit, locked
from release.audit import ADVISORIES, Explained, Found, explanations, main, unexplained

TODAY = date(2026, 6, 1)
KNOWN = {
    "id": "PYSEC-2026-1",
    "summary": "Names of directories are not escaped",
    "details": "",
    "aliases": ["CVE-2026-0001"],
    "modified": "2026-01-01T00:00:00Z",
    "published": "2026-01-01T00:00:00Z",
    "affected": [{"package": {"ecosystem": "PyPI", "name": "ldap3"}, "versions": ["2.9.1"]}],
}


class Osv(BaseHTTPRequestHandler):
    """A service as OSV speaks: one advisory for ldap3, or trouble."""

    status = HTTPStatus.OK
    advisories: tuple[str, ...] = ()

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        known = {"vulns": [{"id": KNOWN["id"], "modified": KNOWN["modified"]}]}
        self._answer({"results": [known if each["package"]["name"] in self.advisories else {} for each in asked]})

    def do_GET(self) -> None:
        self._answer(KNOWN)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits to ask again."""
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")


@pytest.fixture
def service() -> Iterator[type[Osv]]:
    handler = type("Handler", (Osv,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.url = f"http://127.0.0.1:{server.server_port}/"  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler
    server.shutdown()
    server.server_close()


def run(service: type[Osv], *options: str) -> int:
    return main(["--service-url", service.url, *options])  # type: ignore[attr-defined]


def test_every_locked_version_is_asked_for(service: type[Osv], capsys: pytest.CaptureFixture[str]) -> None:
    every = len(locked.bill("--all-groups")["components"]) - len(locked.bill("--only-group", "bench")["components"])
    assert run(service, "--no-group", "bench") == 0
    assert f"audit: {every} locked packages, 0 advisories, 0 unexplained" in capsys.readouterr().out


def test_an_advisory_fails_until_it_is_explained(
    service: type[Osv], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    service.advisories = ("ldap3",)
    assert run(service) == 1
    assert "UNEXPLAINED: ldap3 2.9.1: PYSEC-2026-1: Names of directories" in capsys.readouterr().out
    explained = tmp_path / "advisories.toml"
    explained.write_text(
        '[[advisory]]\nid = "CVE-2026-0001"\npackage = "ldap3"\nreview = 9999-12-31\nreason = "none is named so"\n',
        "utf-8",
    )
    monkeypatch.setattr(audit, "explanations", lambda: explanations(explained))
    assert run(service) == 0
    assert "explained: ldap3 2.9.1" in capsys.readouterr().out
    service.advisories = ()
    assert run(service) == 0
    assert "no longer known: CVE-2026-0001 of ldap3" in capsys.readouterr().out


@pytest.mark.parametrize("status", [HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS])
def test_a_service_that_is_down_is_told_and_fails_nothing(
    service: type[Osv], capsys: pytest.CaptureFixture[str], status: HTTPStatus
) -> None:
    service.status = status
    assert run(service) == 0
    assert "audit: NOT ASKED" in capsys.readouterr().out
    assert run(service, "--must-ask") == 2


def test_without_a_service_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--service-url", "http://127.0.0.1:9/"]) == 0
    assert "audit: NOT ASKED" in capsys.readouterr().out


def test_a_service_that_is_another_one_is_a_failure(service: type[Osv], capsys: pytest.CaptureFixture[str]) -> None:
    service.status = HTTPStatus.NOT_FOUND
    assert run(service) == 2
    assert "audit: not done" in capsys.readouterr().err


def test_an_explanation_is_good_for_its_package_until_its_date() -> None:
    found = Found("ldap3", "2.9.1", ("PYSEC-2026-1", "CVE-2026-0001"), "", "3.0")
    good = Explained("CVE-2026-0001", "ldap3", TODAY, "why")
    assert unexplained([found], [good], TODAY) == []
    assert unexplained([found], [good], date(2026, 6, 2)) == [found]
    assert unexplained([found], [Explained("CVE-2026-0001", "rich", TODAY, "why")], TODAY) == [found]


def test_a_project_given_up_is_found_too() -> None:
    given_up = {"vulnerabilities": [], "adverse_statuses": [{"name": "ldap3", "status": "archived", "reason": None}]}
    (found,) = audit._found(given_up)
    assert (found.package, found.names) == ("ldap3", ("status:archived",))


def test_every_explanation_is_whole_and_not_overdue_by_far() -> None:
    for each in explanations(ADVISORIES):
        assert len(each.reason) >= 40

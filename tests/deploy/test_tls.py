"""TLS of the front and of slapd for the open, tried version by version and suite by suite; headers of every answer."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ldap.client import Exporter
from app.ldap.version import text
from tests.access.authority import a_root
from tests.harness import newer_slapd
from tests.harness.ldap_tls import PublicSlapd
from tests.harness.nginx_front import Front
from tests.harness.tls_posture import Posture, posture

# Forward secrecy, and authenticated encryption: no CBC, no SHA-1, no plain RSA, no anonymous and no exported suite.
STRONG = re.compile(r"ECDHE-(ECDSA|RSA)-(AES(128|256)-(GCM-SHA(256|384)|CCM)|CHACHA20-POLY1305)")
KINDS = {
    "document": ("/v1/edition", 200),
    "page": ("/docs", 200),
    "file": ("/docs/docs.js", None),
    "problem": ("/v1/mailboxes/nobody@ch-exemple.mssante.fr", 404),
    "refusal": ("/v1/changes", 401),
    "problem of the front": ("/metrics", 404),
}


@pytest.fixture(params=newer_slapd.EITHER)
def public_slapd(request: pytest.FixtureRequest, open_dir: Path) -> Iterator[PublicSlapd]:
    public = PublicSlapd(open_dir, a_root(), root=newer_slapd.root_of(request.param))
    with public.slapd:
        yield public


def shown(name: str, found: Posture, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(  # noqa: T201 - CI shows it
            f"\nTLS of {name}: {len(found.suites)} of {found.tried} suites of TLS 1.2 ({', '.join(found.suites)}),"
            f" versions {', '.join(found.versions)}, renegotiates {found.renegotiates}, compresses {found.compresses}"
        )


def assert_strong(found: Posture) -> None:
    assert found.tried > 100
    assert set(found.versions) == {"TLSv1_2", "TLSv1_3"}
    assert found.suites
    assert [suite for suite in found.suites if not STRONG.fullmatch(suite)] == []
    assert not found.compresses
    assert found.is_renegotiation_secure


def assert_headers(front: Front) -> None:
    for kind, (path, status) in KINDS.items():
        answer, _ = front.ask("GET", path)
        assert status in {None, answer.status}, kind
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000", kind
        assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"], kind
        assert len(answer.headers.get_all("Content-Security-Policy", [])) == 1, kind
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], kind
        assert answer.headers["Referrer-Policy"] == "no-referrer", kind
        assert answer.headers["Server"] == "nginx", kind
        assert not {"X-Powered-By", "Access-Control-Allow-Origin", "Set-Cookie"} & set(answer.headers), kind


def test_the_front_agrees_to_nothing_weak_and_every_answer_has_its_headers(
    front: Front, capsys: pytest.CaptureFixture[str]
) -> None:
    found = posture(front.port)
    shown("nginx", found, capsys)
    assert_strong(found)
    assert not found.renegotiates
    assert_headers(front)


def test_slapd_agrees_to_nothing_weak(public_slapd: PublicSlapd, capsys: pytest.CaptureFixture[str]) -> None:
    """GnuTLS lets a client of TLS 1.2 renegotiate, safely (RFC 5746); slapd 2.5 has no setting against it."""
    found = posture(int(public_slapd.ldaps.rpartition(":")[2]))
    with Exporter(public_slapd.slapd.ldapi_uri, public_slapd.slapd.suffix) as exporter:
        shown(f"slapd {text(exporter.version())}", found, capsys)
    assert_strong(found)

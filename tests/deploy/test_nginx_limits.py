"""What the front lets through and what it refuses by itself, shown on a real nginx before a real API."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from app.access.certificate_problems import CertificateInvalid
from app.body_limit import LARGER
from app.budgets.allowance import RateExceeded
from app.main import LARGEST_BODY
from app.problems import NotReady, ProblemDocument, TooLarge
from app.settings import Settings
from tests.access.authority import Authority
from tests.deploy.conftest import Start
from tests.docs.markdown import ROOT
from tests.harness.nginx_front import CONFIGURATION, Front
from tests.tracing.collector import Collector

Connection = psycopg.Connection[Any]
TEXT = CONFIGURATION.read_text("utf-8")
REFUSALS = [(int(status), json.loads(body)) for status, body in re.findall(r"return (\d+) '(\{.*\})';", TEXT)]
LOOKUP = "/v1/mailboxes/lookup"
JSON = {"Content-Type": "application/json"}


def is_refused(document: dict[str, Any], code: str) -> bool:
    """Whether it is a whole problem document of this code."""
    return bool(ProblemDocument.model_validate(document).code == code and document["request_id"])


@pytest.mark.parametrize(("status", "document"), REFUSALS, ids=[body["code"] for _, body in REFUSALS])
def test_a_refusal_of_the_front_reads_like_one_of_the_api(status: int, document: dict[str, Any]) -> None:
    kinds = {kind.code: kind for kind in (TooLarge, RateExceeded, CertificateInvalid, NotReady)}
    kind = kinds[document["code"]]
    assert ProblemDocument.model_validate(document).status == status
    assert (document["type"], document["title"]) == (kind.type(), kind.title)
    assert (ROOT / "openapi" / "problems" / f"{kind.slug()}.md").exists()


def test_bodies_are_as_large_as_the_api_takes() -> None:
    largest = re.findall(r"client_max_body_size (\S+);", TEXT)
    upload = Settings.model_fields["import_upload_limit"].default
    assert largest == [str(LARGEST_BODY), f"{LARGER['/v1/mailboxes/batch'] // 2**20}m", f"{upload // 2**30}g"]
    assert LARGER.keys() == {"/v1/mailboxes/batch"}


def test_floods_are_bounded_by_the_figures_of_the_api() -> None:
    rates = dict(re.findall(r"zone=(annuaire_\w+):10m rate=(\d+)r/s", TEXT))
    bursts = dict(re.findall(r"limit_req zone=(annuaire_\w+) burst=(\d+)", TEXT))
    fields = Settings.model_fields
    assert (
        int(rates["annuaire_anonymous"]) * 60 == int(bursts["annuaire_anonymous"]) == fields["anonymous_rate"].default
    )
    assert int(rates["annuaire_address"]) * 60 == fields["key_rate"].default


def test_a_body_above_the_limit_is_refused_by_the_front_and_one_at_the_limit_by_the_api(front: Front) -> None:
    answer, said = front.ask("POST", LOOKUP, body=b" " * (LARGEST_BODY + 1), headers=JSON)
    assert (answer.status, is_refused(said, "request.too_large")) == (413, True)
    assert said["detail"].startswith("The body is larger")
    answer, said = front.ask("POST", LOOKUP, body=b" " * LARGEST_BODY, headers=JSON)
    assert (answer.status, said["code"]) == (400, "request.unreadable")
    # Files go through, whatever the API says of who sends them.
    assert front.ask("POST", "/v1/imports", body=b" " * (LARGEST_BODY + 1))[0].status == 401


def test_revoked_and_expired_certificates_are_refused(start: Start, authority: Authority) -> None:
    revoked, expired = authority.issue(), authority.issue(valid_from=timedelta(days=-9), valid_for=timedelta(days=8))
    front = start(revoked)
    for held in (revoked, expired):
        answer, said = front.ask("GET", "/v1/edition", held)
        assert (answer.status, is_refused(said, "certificate.invalid")) == (400, True)
        assert answer.headers["X-Request-ID"] == said["request_id"]
    assert front.get("/v1/edition")[0] == 200


def test_whatever_the_client_says_its_address_is_the_one_it_has(start: Start) -> None:
    front = start(anonymous_rate="4")
    names = ("X-Forwarded-For", "X_Forwarded_For", "Forwarded", "X-Real-IP")
    answers = [front.ask("GET", LOOKUP, headers=dict.fromkeys(names, f"192.0.2.{last}")) for last in range(6)]
    assert [answer.status for answer, _ in answers][-1] == 429
    assert answers[-1][1]["detail"] != _said_by_the_front("rate.exceeded")


def test_nobody_outside_goes_on_in_our_traces(start: Start) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    with Collector() as collector:
        front = start(traces_url=collector.url, traces_ratio="1")
        front.get("/v1/edition", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
        while not collector.named("GET /v1/edition"):
            assert front.api.poll() is None
            front.get("/healthz")
    assert trace not in {span.trace for span in collector.spans}


def test_a_flood_ends_at_the_front(start: Start, reader: dict[str, str]) -> None:
    front = start(edit=lambda text: text.replace("rate=100r/s", "rate=1r/m").replace("burst=6000", "burst=2"))
    answers = [front.ask("GET", "/healthz") for _ in range(5)]
    assert answers[-1][0].status == 429
    assert is_refused(answers[-1][1], "rate.exceeded")
    assert int(answers[-1][0].headers["Retry-After"]) > 0
    # A key has another limit.
    assert [front.get("/v1/edition", headers=reader)[0] for _ in range(5)] == [200] * 5


def test_an_api_that_is_gone_is_said_in_its_own_form(front: Front) -> None:
    assert [is_healthy(front, path) for path in ("/readyz", "/nothing")] == [True, False]
    front.api.kill()
    front.api.wait(60)
    assert not is_healthy(front, "/readyz")
    answer, said = front.ask("GET", "/healthz")
    assert (answer.status, is_refused(said, "service.not_ready")) == (503, True)
    assert answer.headers["Retry-After"]
    assert answer.headers["Strict-Transport-Security"]


def test_the_feed_is_waited_for_through_the_front(front: Front, reader: dict[str, str]) -> None:
    status, page = front.get("/v1/changes?wait=1", headers=reader)
    assert (status, page["items"]) == (200, [])


def test_only_tls_of_today_is_spoken(front: Front) -> None:
    handshake = _handshakes(front.port)
    for old in ("-tls1", "-tls1_1"):
        assert "alert protocol version" in handshake(old, "-cipher", "ALL:@SECLEVEL=0")
    assert "TLSv1.3" in handshake("-tls1_3")
    assert "TLSv1.2, Cipher is ECDHE-ECDSA" in handshake("-tls1_2")
    assert "alert handshake failure" in handshake("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256")


def is_healthy(front: Front, path: str) -> bool:
    """What compose and Kubernetes ask of the API."""
    script, behind = ROOT / "deploy" / "compose" / "healthy", front.folder / "http" / "socket"
    command = [sys.executable, str(script), str(behind), path]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def _handshakes(port: int) -> Callable[..., str]:
    """Ask for one handshake; what openssl said of it."""

    def handshake(*options: str) -> str:
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options]
        done = subprocess.run(command, input="", capture_output=True, text=True, timeout=60, check=False)
        return done.stdout + done.stderr

    return handshake


def _said_by_the_front(code: str) -> str:
    return next(str(body["detail"]) for _, body in REFUSALS if body["code"] == code)

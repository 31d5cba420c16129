"""LDAP, imports and webhooks in traces."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app import tracing
from app.cli import main
from app.console import REFUSED, Refused
from app.embedded import free_port
from app.ldap.sync import sync_once
from app.push.loop import Courier
from app.settings import PREFIX, Settings
from tests.builders import a_small_directory, an_operator, publish
from tests.docs.markdown import ROOT
from tests.harness.database import Database
from tests.imports import files
from tests.imports.files import run
from tests.publication.world import build
from tests.push.conftest import deliver, subscribe
from tests.push.receiver import Receiver
from tests.tracing.collector import Collector

Connection = psycopg.Connection[Any]


def test_a_letter_carries_the_trace_on(
    registry: Connection, database: Database, traced: Settings, collector: Collector
) -> None:
    a_small_directory(registry)
    an_operator(registry)
    registry.commit()
    clock = database.connect(autocommit=True)
    with Receiver() as receiver, tracing.in_force(traced, "annuaire-worker"), Courier(traced) as courier:
        _, secret = subscribe(clock, traced, receiver.url)
        registry.execute("UPDATE practice SET family = 'NOUVEAU'")
        publish(registry, ("practitioner", "899900000060"))
        assert deliver(courier, clock) == 1
        (got,) = receiver.got
    (span,) = collector.named("webhook")
    version, trace, parent, flags = got.headers["traceparent"].split("-")
    assert (version, trace, parent) == ("00", span.trace, span.id)
    assert int(flags, 16) & 1, "sampled"
    assert got.is_signed_by(secret)
    assert span.said == {
        "server.address": "127.0.0.1",
        "annuaire.outcome": "delivered",
        "http.response.status_code": 204,
    }
    assert not any(b"/hook" in body for body in collector.bodies)


def test_a_batch_of_ldap_tells_how_much_it_was(
    database: Database, ldap_settings: Settings, traced: Settings, collector: Collector
) -> None:
    build(database.connect())
    settings = ldap_settings.model_copy(update={"traces_url": traced.traces_url, "traces_ratio": 1.0})
    with tracing.in_force(settings, "annuaire-worker"):
        written = sync_once(settings).written
    counted = [span.said["annuaire.changes"] for span in collector.named("ldap batch")]
    assert written.added >= 5
    assert sum(int(count) for count in counted) >= 5
    assert not any(b".fr" in body for body in collector.bodies)


def test_the_stages_of_an_import_are_one_trace(traced: Settings, collector: Collector, tmp_path: Path) -> None:
    """Also of the file that is read, on another thread, while the one before is applied."""
    reports = run(traced, tmp_path, files.SHORT_LIST, files.SITES)
    assert [report.state for report in reports] == ["applied", "applied"]
    (whole,) = collector.named("import")
    assert whole.service == "annuaire-import"
    inner = [span for span in collector.spans if span.parent == whole.id]
    assert {"import read", "import compare", "import apply", "import publish", "import tidy"} == {
        span.name for span in inner
    }
    read = [span.said for span in inner if span.name == "import read"]
    assert read == [
        {"annuaire.source": report.source, "annuaire.stage": "read", "annuaire.lines": report.read}
        for report in reports
    ]


def test_who_keeps_no_traces_loads_no_library_for_them() -> None:
    code = """
import sys
import app.cli, app.worker
from app.main import create_app
from app.settings import Settings
app = create_app(Settings(_env_file=None, key_pepper="p"))
assert not [name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]
assert "RequestTrace" not in [each.cls.__name__ for each in app.user_middleware]
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_start_is_refused_where_the_libraries_are_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.setenv(f"{PREFIX}TRACES_URL", "http://127.0.0.1:4318/v1/traces")
    monkeypatch.setenv(f"{PREFIX}KEY_PEPPER", "pepper-of-the-tests")
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--port", str(free_port())])
    assert ended.value.code == REFUSED
    assert "pip install 'annuaire[tracing]'" in capsys.readouterr().err
    with pytest.raises(Refused), tracing.in_force(Settings(), "annuaire-worker"):
        pytest.fail("the worker began")

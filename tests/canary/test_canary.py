"""No secret, hidden address or name that somebody sought is in any log, metric, trace, error or list of processes."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.embedded import Postgres, Slapd
from app.settings import Settings
from tests.canary.installation import HIDDEN, SOUGHT, Installation, environment, installed
from tests.canary.walk import walk
from tests.harness.database import cloned
from tests.harness.directory import directory

# Hot reads, reads, writes and the transaction of a token.
WITHOUT_DATABASE = ("/v1/mailboxes/{address}", "/v1/search", "/oauth2/token")
# What is told to whoever asks for it, or to nobody.
COMMANDS = (
    ("doctor",),
    ("key", "list"),
    ("audit", "verify"),
    ("webhook", "list"),
    ("ldap", "verify"),
    ("snapshot", "make"),
    ("import", "run", "{file}"),
    ("key", "revoke", SOUGHT),
)


@pytest.fixture(scope="module")
def installation(migrated: Postgres, _slapd: Slapd) -> Iterator[Installation]:
    _slapd.empty()
    with cloned(migrated) as database, directory() as folder, installed(migrated, _slapd, database, folder) as running:
        yield running


@pytest.fixture(scope="module")
def answers(installation: Installation) -> list[httpx2.Response]:
    """Everybody asks everything, with a database and without one; what was made is a secret from then on."""
    walked = [answer for caller in installation.callers for answer in walk(installation, caller)]
    operator = dict(installation.callers["operator by token"])
    made = httpx2.post(f"{installation.url}/v1/me/webhooks", json={"url": "http://127.0.0.1:9/"}, headers=operator)
    dict.__setitem__(installation.secrets, "webhook secret", made.json()["secret"])  # type: ignore[index]
    walked += [_written(installation, operator) for _ in range(2)]
    installation.close(is_closed=True)
    try:
        walked += walk(installation, "operator by token", *WITHOUT_DATABASE)
    finally:
        installation.close(is_closed=False)
    # Its pool comes back by itself.
    while httpx2.get(f"{installation.url}/readyz").status_code != 200:
        assert installation.processes[0].poll() is None
    return walked


def _written(installation: Installation, headers: dict[str, str]) -> httpx2.Response:
    """The owner writes its hidden mailbox, which it may not do without its ETag."""
    body = {"type": "ORG", "organization": "990000010", "liste_rouge": True}
    return httpx2.put(f"{installation.url}/v1/mailboxes/{HIDDEN}", json=body, headers=headers)


def found(secrets: Mapping[str, str], texts: Mapping[str, str]) -> list[str]:
    """Which secret stands where."""
    return [f"{name} in {where}" for where, text in texts.items() for name, value in secrets.items() if value in text]


def all_of(installation: Installation) -> dict[str, str]:
    return {**installation.secrets, "hidden address": HIDDEN, "name that was sought": SOUGHT}


def test_the_walk_meets_every_kind_of_answer(answers: list[httpx2.Response]) -> None:
    statuses = {answer.status_code for answer in answers}
    assert {200, 400, 401, 403, 404, 405, 422, 428, 503} - statuses <= {405}
    assert 500 not in statuses


def test_no_log_holds_a_secret_a_hidden_address_or_a_name(
    installation: Installation, answers: list[httpx2.Response], capsys: pytest.CaptureFixture[str]
) -> None:
    logged = installation.logged()
    assert logged["our processes"].count('"event": "request"') >= len(answers)
    assert "PostgreSQL" in logged
    with capsys.disabled():
        sizes = ", ".join(f"{name} {len(text)} bytes" for name, text in logged.items())
        print(f"\ncanaries: {len(all_of(installation))}, answers: {len(answers)}, logs: {sizes}")  # noqa: T201
    assert found(all_of(installation), logged) == []


def test_no_metric_holds_one(installation: Installation, answers: list[httpx2.Response]) -> None:
    assert answers
    metrics = httpx2.get(f"{installation.url}/metrics").text
    assert "annuaire" in metrics
    assert found(all_of(installation), {"metrics": metrics}) == []


def test_no_trace_holds_one(installation: Installation, answers: list[httpx2.Response]) -> None:
    assert answers
    # Spans leave in their order: when the last one is there, all are.
    last = {"X-Request-ID": "the-last-request"}
    httpx2.get(f"{installation.url}/v1/edition", headers=last)
    while not any(b"the-last-request" in body for body in installation.traces.bodies):
        assert installation.processes[0].poll() is None
        httpx2.get(f"{installation.url}/readyz")
    assert sum(span.service == "annuaire-api" for span in installation.traces.spans) > len(answers)
    sent = b"".join(installation.traces.bodies).decode("utf-8", "replace")
    assert found(all_of(installation), {"traces": sent}) == []


def test_no_answer_tells_a_secret(installation: Installation, answers: list[httpx2.Response]) -> None:
    """What a caller sent may be told to it again; what it must not know may not. Its owner knows a hidden address."""
    problems = {
        f"{answer.request.method} {answer.request.url} {answer.status_code}": answer.text + str(answer.headers)
        for answer in answers
        if answer.status_code >= 400
    }
    assert len(problems) > 100
    assert found(installation.secrets, problems) == []


def test_no_list_of_processes_shows_one(installation: Installation, answers: list[httpx2.Response]) -> None:
    assert answers
    shown = {path.parent.name: path.read_bytes().decode("utf-8", "replace") for path in _command_lines()}
    assert {str(process.pid) for process in installation.processes} <= shown.keys()
    assert found(all_of(installation), shown) == []


def test_settings_do_not_show_theirs(installation: Installation) -> None:
    given: dict[str, Any] = dict(installation.settings)
    settings = Settings(_env_file=None, **given)
    with pytest.raises(ValueError, match="client_crl") as refused:
        Settings(_env_file=None, **given, client_ca_file="ca.pem")
    texts = {"repr": repr(settings), "str": str(settings), "error": str(refused.value)}
    assert found(installation.secrets, texts) == []


@pytest.mark.fault
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("is_closed", [False, True])
def test_no_command_tells_one(
    installation: Installation,
    answers: list[httpx2.Response],
    tmp_path: Path,
    command: tuple[str, ...],
    *,
    is_closed: bool,
) -> None:
    assert answers
    file = tmp_path / f"{SOUGHT}.csv"
    file.write_text(f"{SOUGHT}|{HIDDEN}\n", "utf-8")
    given = [part.format(file=file) for part in command]
    if is_closed:
        installation.close(is_closed=True)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *given],
            env={**os.environ, **environment(installation)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        installation.close(is_closed=False)
    assert done.returncode in {0, 1, 2}, done.stderr
    assert found(installation.secrets, {"stdout": done.stdout, "stderr": done.stderr}) == []


def _command_lines() -> list[Path]:
    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]

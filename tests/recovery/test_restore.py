"""Restored to an instant, with everything that ran before still running: the directory is what it was then (F15, I11).

PostgreSQL is lost by kill -9, its files are moved away, and what deploy/backup kept comes back at the same place. API,
worker and slapd are the same processes throughout, and nobody tells them anything.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from app.access.audit_roots import anchor
from app.access.keys import issue
from app.db import upgrade
from app.doctor import examine
from app.embedded import Slapd
from app.ldap.client import Exporter
from app.ldap.verify import verify
from app.settings import Settings
from tests.audit.conftest import Run
from tests.builders import DOMAIN, a_practitioner, a_structure, an_operator, publish
from tests.faults.commands import started, words
from tests.faults.report import Tell, Tried
from tests.faults.world import broken_in
from tests.harness.archive import Archived
from tests.harness.database import Database
from tests.harness.serving import serving
from tests.mailbox_writes.operators import Operator, org

PATIENCE = 120.0
ROWS = 2_000
HIDDEN = f"discrete@{DOMAIN}"
FILL = """
WITH made AS (
  INSERT INTO mailbox (address, domain, type, source)
  SELECT 'b' || n || '@' || %(domain)s, %(domain)s, 'ORG', 'mssante' FROM generate_series(1, %(rows)s) n
  RETURNING address
), held AS (
  INSERT INTO mailbox_attachment (address, organization) SELECT address, %(structure)s FROM made
)
INSERT INTO pending (kind, key) SELECT 'mailbox', address FROM made
"""


@pytest.fixture
def place(open_dir: Path) -> Iterator[Archived]:
    with Archived(open_dir) as archived:
        upgrade(archived.cluster.dsn())
        yield archived


@pytest.fixture
def api_settings(place: Archived, slapd: Slapd, tmp_path: Path) -> Settings:
    """What commands, API and worker have in common."""
    return Settings(
        _env_file=None,
        database_url=place.cluster.dsn(),
        database_pool=2,
        key_pepper="pepper-of-the-tests",
        log_level="error",
        publish_with_key=True,
        ldap_uri=slapd.ldapi_uri,
        snapshot_dir=tmp_path / "snapshots",
        audit_anchor=str(tmp_path / "roots"),
        backup_stamp=place.backup / "newest",
    )


class Running:
    """API, worker and slapd at work, an operator that publishes, and a reader that follows."""

    def __init__(self, settings: Settings, folder: Path, stack: ExitStack) -> None:
        self.settings = settings
        self._folder = folder
        with psycopg.connect(settings.database_url) as registry:
            structure = a_structure(registry)
            person = a_practitioner(registry, organization=structure)
            registry.execute("UPDATE source SET loaded = true WHERE name = 'liste_blanche'")
            identifier = an_operator(registry, domains=(DOMAIN,))
            registry.execute(FILL, {"rows": ROWS, "domain": DOMAIN, "structure": structure})
            publish(registry, ("organization", structure), ("practitioner", person))
            keys = {
                scope: issue(registry, settings.key_pepper, scope, [scope], operator)[1]
                for scope, operator in (("read", None), ("publish", identifier))
            }
        headers = {scope: {"Authorization": f"Bearer {key}"} for scope, key in keys.items()}
        url = stack.enter_context(serving(settings))
        self.api = stack.enter_context(httpx2.Client(base_url=url, timeout=60))
        self.reader = headers["read"]
        self.operator = Operator(self.api, identifier, headers["publish"])
        more = {"ldap_enabled": "true", "ldap_uri": settings.ldap_uri, "key_pepper": "pepper-of-the-tests"}
        dsn = Database("annuaire", settings.database_url)
        self._worker = stack.enter_context(
            started(dsn, folder, "worker", **more, snapshot_dir=str(settings.snapshot_dir))
        )
        self.acknowledged: list[str] = []

    def ask(self, path: str, **query: Any) -> Any:
        return self.api.get(path, params=query, headers=self.reader)

    def put(self, count: int) -> None:
        """So many mailboxes more, each acknowledged."""
        for number in range(len(self.acknowledged), len(self.acknowledged) + count):
            address = f"o{number}@{DOMAIN}"
            assert self.operator.put(address, body=org(description=str(number))).status_code == 201
            self.acknowledged.append(address)

    def until(self, condition: Callable[[], bool]) -> None:
        """Until it holds. A database that is away answers 503."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self._worker.poll() is None, words(self._folder)
            assert time.monotonic() < deadline, words(self._folder)
            time.sleep(0.05)

    def epoch(self) -> str | None:
        answer = self.ask("/v1/edition")
        return str(answer.json()["epoch"]) if answer.status_code == 200 else None

    def cursor(self) -> str:
        """Where a reader stands that has followed to the end."""
        page = self.ask("/v1/changes", limit=1_000).json()
        while page["items"]:
            page = self.ask("/v1/changes", after=page["next"], limit=1_000).json()
        return str(page["next"])

    def follows(self) -> bool:
        """Whether the tree says that it is this edition of this epoch."""
        now = self.ask("/v1/edition").json()
        with Exporter(self.settings.ldap_uri, self.settings.ldap_suffix) as exporter:
            state = exporter.state()
        return state is not None and (state.edition, state.epoch) == (now["edition"], now["epoch"])


@pytest.fixture
def running(api_settings: Settings, tmp_path: Path) -> Iterator[Running]:
    with ExitStack() as stack:
        made = Running(api_settings, tmp_path, stack)
        made.until(lambda: "publishing" in (now := made.ask("/v1/edition").json()) and now["publishing"] is None)
        yield made


def finding(settings: Settings, name: str) -> tuple[bool | None, str]:
    """What the doctor says of it."""
    without_ldap = settings.model_copy(update={"ldap_enabled": False})
    return next((each.ok, each.detail) for each in examine(without_ldap) if each.name == name)


def test_a_directory_restored_to_an_instant_is_what_it_was_then(
    place: Archived,
    running: Running,
    annuaire: Run,
    api_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tell: Tell,
) -> None:
    monkeypatch.setenv("ANNUAIRE_AUDIT_ANCHOR", str(api_settings.audit_anchor))
    assert running.operator.put(HIDDEN, body=org()).status_code == 201
    place.base_backup()
    running.put(3)
    model, followed, held = running.ask("/v1/digest").json(), running.cursor(), list(running.acknowledged)
    instant = note(api_settings)
    # Behind the instant: one is hidden, others come, the tree follows, and a root is kept of all that.
    tag = running.operator.tag(HIDDEN)
    assert running.operator.patch(HIDDEN, {"liste_rouge": True}, if_match=tag).status_code == 200
    running.put(3)
    running.until(running.follows)
    ahead = running.cursor()
    with psycopg.connect(api_settings.database_url) as connection:
        lost = anchor(connection, str(api_settings.audit_anchor))
    place.keep_log()
    assert finding(api_settings, "backups")[0]
    assert finding(api_settings, "history")[0]

    struck = time.monotonic()
    place.lose()
    place.restore(instant)
    running.until(lambda: running.epoch() not in {None, model["epoch"]})
    now = running.ask("/v1/digest").json()
    assert (now["edition"], now["root"]) == (model["edition"], model["root"])
    gone = [address for address in held if running.operator.get(address).status_code != 200]
    for cursor in (ahead, followed):
        assert running.ask("/v1/changes", after=cursor).json()["code"] == "feed.cursor_expired"
    running.until(running.follows)
    recovery = time.monotonic() - struck
    found = verify(api_settings)
    assert (found.is_equal, found.differences, found.epoch) == (True, [], now["epoch"])
    # The way to begin anew leads into the present history.
    running.until(lambda: running.ask("/v1/snapshots").status_code == 200)
    begin = running.ask("/v1/changes", after=ahead).json()["snapshot"]
    assert running.ask("/v1/changes", after=begin["next"]).status_code == 200

    told_of_lost_acts(annuaire, api_settings, lost.sequence)
    running.until(lambda: running.operator.put(f"apres@{DOMAIN}", body=org()).status_code == 201)
    running.until(running.follows)
    broken = broken_in(api_settings)
    tell(Tried("F15", f"PostgreSQL lost, {ROWS} rows restored to an instant", 1, len(gone), len(broken), recovery))
    assert (gone, broken) == ([], [])


def note(settings: Settings) -> str:
    """This instant, by the clock of PostgreSQL."""
    with psycopg.connect(settings.database_url) as connection:
        return str((connection.execute("SELECT clock_timestamp()").fetchone() or ("",))[0].isoformat())


def told_of_lost_acts(annuaire: Run, settings: Settings, lost: int) -> None:
    """The doctor says which command tells the keeper of the roots, and after it the trail is whole again."""
    is_well, advice = finding(settings, "history")
    assert is_well is False
    assert annuaire("audit", "verify")[0] == 1
    _, _, act = advice.partition("annuaire audit restored --act ")
    assert annuaire("audit", "restored", "--act", act.split()[0], "--reason", "a test")[0] == 0
    code, report = annuaire("audit", "verify")
    assert (code, [root["sequence"] for root in report["lost"]]) == (0, [lost])
    assert finding(settings, "history")[0]

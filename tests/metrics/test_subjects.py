"""Imports, budgets, trail, worker, pools and folders: each made to be something once, and seen."""

import asyncio
from collections import deque
from pathlib import Path
from typing import Any

import psycopg
from prometheus_client import CollectorRegistry, generate_latest
from starlette.testclient import TestClient

from app.duties.catalogue import DUTIES
from app.imports.pipeline import IMPORT_LOCK
from app.main import create_app
from app.metrics.pools import Pools, Standing
from app.metrics.trail import ANCHORING
from app.metrics.worker import HEARTBEAT
from app.settings import Settings
from tests.builders import a_small_directory
from tests.embedded.servers import wait_for
from tests.harness.database import Database
from tests.imports import files
from tests.imports.files import run, written
from tests.metrics.samples import scraped

Connection = psycopg.Connection[Any]


def test_the_last_run_of_a_source_tells_its_stages_and_lines(
    client: TestClient, settings: Settings, tmp_path: Path
) -> None:
    spoilt = written(tmp_path, "persons.txt", files.PERSONS.read_bytes() + b"not|a|line\n")
    (report,) = run(settings, tmp_path, spoilt)
    exposed = scraped(client)
    of = {"source": "personne_activite"}
    assert exposed.value("annuaire_import_state", **of, state="applied") == 1
    assert exposed.value("annuaire_import_state", **of, state="failed") == 0
    assert exposed.value("annuaire_import_lines", **of, outcome="accepted") == report.accepted
    assert exposed.value("annuaire_import_lines", **of, outcome="rejected") == 1
    for stage, seconds in report.stages.items():
        assert exposed.value("annuaire_import_stage_seconds", **of, stage=stage) == seconds
    assert exposed.value("annuaire_import_applied_seconds", **of) is not None


def test_a_run_that_goes_on_is_told_and_one_that_was_killed_is_not(client: TestClient, database: Database) -> None:
    importer, observer = database.connect(autocommit=True), database.connect(autocommit=True)
    observer.execute(
        "INSERT INTO import_run (id, source, file_name, file_sha256, state, phase, progress)"
        " VALUES ('r', 'mssante', 'f', 's', 'running', 'applying', '{\"share\": 0.25}')"
    )
    running = {"source": "mssante", "phase": "applying"}
    assert scraped(client).value("annuaire_import_running_seconds", **running) is None
    importer.execute("SELECT pg_advisory_lock(%s)", [IMPORT_LOCK])
    exposed = scraped(client)
    assert exposed.value("annuaire_import_running_seconds", **running) is not None
    assert exposed.value("annuaire_import_running_share", source="mssante") == 0.25
    observer.execute("UPDATE import_run SET phase = 'somebody by name'")
    assert scraped(client).value("annuaire_import_running_seconds", source="mssante", phase="other") is not None


def test_mailboxes_that_ldap_cannot_hold_are_counted(client: TestClient, registry: Connection) -> None:
    assert scraped(client).value("annuaire_ldap_set_aside") == 0
    registry.execute("INSERT INTO ldap_aside (address) VALUES ('a@b.mssante.fr')")
    registry.commit()
    assert scraped(client).value("annuaire_ldap_set_aside") == 1


def test_callers_at_their_limit_are_counted_and_yesterday_is_not(client: TestClient, registry: Connection) -> None:
    registry.execute("INSERT INTO api_key (id, name, digest, scopes, budget) VALUES ('k', 'k', '\\x00', '{read}', 10)")
    today = "(now() AT TIME ZONE 'Europe/Paris')::date"
    registry.execute(
        f"INSERT INTO disclosure_day VALUES ({today}, 'a', 150), ({today}, 'b', 149), ({today}, 'key:k', 10),"
        f" ({today} - 1, 'c', 150)"
    )
    registry.commit()
    exposed = scraped(client)
    assert exposed.value("annuaire_budget_exhausted_callers", kind="anonymous") == 1
    assert exposed.value("annuaire_budget_callers", kind="anonymous") == 2
    assert exposed.value("annuaire_budget_persons", kind="anonymous") == 299
    assert exposed.value("annuaire_budget_exhausted_callers", kind="key") == 1


def test_the_worker_and_the_anchor_are_told_by_their_duties(api_settings: Settings, registry: Connection) -> None:
    assert {HEARTBEAT, ANCHORING} <= {duty.name for duty in DUTIES}
    anchored = api_settings.model_copy(update={"audit_anchor": "/var/lib/elsewhere/roots"})
    with TestClient(create_app(anchored)) as client:
        exposed = scraped(client)
        assert exposed.value("annuaire_worker_seen_seconds") == float("inf")
        assert exposed.value("annuaire_audit_anchored_seconds") is None
        for name, minutes in ((HEARTBEAT, 3), (ANCHORING, 90)):
            registry.execute(
                "INSERT INTO duty (name, done_at) VALUES (%s, now() - make_interval(mins => %s))", (name, minutes)
            )
        registry.execute("UPDATE duty SET failed_at = now(), failure = 'x' WHERE name = %s", [ANCHORING])
        registry.commit()
        exposed = scraped(client)
    assert 180 <= (exposed.value("annuaire_worker_seen_seconds") or 0) < 240
    assert 5_400 <= (exposed.value("annuaire_audit_anchored_seconds") or 0) < 5_460
    assert exposed.value("annuaire_duties_failing") == 1
    with TestClient(create_app(api_settings)) as client:
        assert scraped(client).value("annuaire_audit_anchored_seconds") is None


def test_each_act_makes_the_trail_longer(client: TestClient, registry: Connection, database: Database) -> None:
    before = scraped(client).value("annuaire_audit_rows")
    a_small_directory(registry)
    database.connect(autocommit=True).execute("UPDATE audit_head SET count = count + 1")
    assert before is not None
    assert scraped(client).value("annuaire_audit_rows") == before + 1


def test_folders_tell_their_disk_also_before_they_are_made(client: TestClient) -> None:
    exposed = scraped(client)
    for folder in ("spool", "snapshots"):
        free = exposed.value("annuaire_folder_free_bytes", folder=folder)
        size = exposed.value("annuaire_folder_size_bytes", folder=folder)
        assert free is not None
        assert size is not None
        assert 0 < free < size


def test_every_pool_is_told(client: TestClient) -> None:
    exposed = scraped(client)
    for pool in ("read", "look_up", "write", "session", "budget"):
        assert exposed.value("annuaire_pool_limit", pool=pool) is not None, pool
        assert exposed.value("annuaire_pool_busy_connections", pool=pool) is not None, pool


def test_the_hot_reads_tell_whom_they_refused(
    api_settings: Settings, registry: Connection, reader: dict[str, str]
) -> None:
    """Where no more may wait, a read is refused at once, and counted."""
    a_small_directory(registry)
    path = "/v1/mailboxes/anne.exemple@ch-exemple.mssante.fr"
    with TestClient(create_app(api_settings), raise_server_exceptions=False) as client:
        assert client.get(path, headers=reader).status_code == 200
        # The second line may still be opened when the first has answered.
        wait_for(lambda: scraped(client).value("annuaire_pool_connections", pool="look_up") == 2, "both lines are open")
        before = scraped(client)
        reads = client.app.state.reads  # type: ignore[attr-defined]
        reads._most = 0
        assert client.get(path, headers=reader).status_code == 503
        after = scraped(client)
    assert before.value("annuaire_pool_refused_total", pool="look_up") == 0
    assert after.value("annuaire_pool_refused_total", pool="look_up") == 1


class Counted:
    """A source whose standing a test sets."""

    def __init__(self) -> None:
        self.now = deque([Standing(4, 2, 1, 3, 5), Standing(4, 4, 4, 9, 7)])

    def standing(self) -> Standing:
        return self.now.popleft()


def test_refusals_add_up_and_the_rest_is_of_now() -> None:
    registry = CollectorRegistry()
    pools = Pools(registry)

    async def watched() -> None:
        source = Counted()
        async with pools.watched(read=source):
            pools.note()
            pools.note()

    asyncio.run(watched())
    text = generate_latest(registry).decode()
    assert 'annuaire_pool_refused_total{pool="read"} 7.0' in text
    assert 'annuaire_pool_waiting{pool="read"} 9.0' in text
    assert 'annuaire_pool_busy_connections{pool="read"} 4.0' in text

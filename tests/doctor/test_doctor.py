"""Each look is made to find something once; what it says has a cause in it, and what to do."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from app import cli
from app.doctor.budgets import STORM
from app.doctor.examination import LOOKS, look_at
from app.embedded import Slapd, free_port
from app.ldap.client import Exporter
from app.ldap.version import is_frugal, text
from app.metrics.worker import HEARTBEAT
from app.settings import Settings
from tests.access.authority import DAY, a_root
from tests.builders import a_small_directory
from tests.harness import newer_slapd
from tests.harness.database import Database

Connection = psycopg.Connection[Any]


class World(NamedTuple):
    """What a case may spoil."""

    connection: Connection
    database: Database
    settings: Settings
    folder: Path

    def stand_in(self, name: str, definition: str) -> None:
        """Sessions that begin from now on see this of PostgreSQL instead of its own (the search path puts it first)."""
        self.connection.execute("CREATE SCHEMA IF NOT EXISTS stand_in")
        self.connection.execute(f"CREATE {name} AS {definition}".encode())
        self.connection.execute(f"ALTER DATABASE {self.database.name} SET search_path = stand_in, pg_catalog, public")


class Case(NamedTuple):
    """How one look is spoilt: what it then says, how bad that is, and other settings to look with."""

    ok: bool | None
    says: str
    spoil: Callable[[World], Mapping[str, Any] | None]


def sql(*statements: str) -> Callable[[World], None]:
    def spoil(world: World) -> None:
        for statement in statements:
            world.connection.execute(statement.encode())

    return spoil


def setting(**changed: Any) -> Callable[[World], Mapping[str, Any]]:
    return lambda _: changed


def _crowded(world: World) -> None:
    world.stand_in("FUNCTION stand_in.current_setting(name text) RETURNS text LANGUAGE sql", "$$ SELECT '1' $$")


def _idle(world: World) -> None:
    world.stand_in(
        "VIEW stand_in.pg_stat_activity",
        "SELECT pid, state, wait_event_type, backend_type, xact_start - interval '1 hour' AS xact_start"
        " FROM pg_catalog.pg_stat_activity",
    )
    world.database.connect().execute("SELECT 1")


def _waiting(world: World) -> None:
    world.database.connect().execute("LOCK TABLE notice")
    world.database.connect(autocommit=True).pgconn.send_query(b"SELECT FROM notice FOR UPDATE")
    while not world.connection.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone():
        pass


def _not_archived(world: World) -> None:
    world.stand_in("FUNCTION stand_in.current_setting(name text) RETURNS text LANGUAGE sql", "$$ SELECT '1' $$")
    world.stand_in(
        "VIEW stand_in.pg_stat_archiver",
        "SELECT now() AS last_failed_time, now() - interval '1 day' AS last_archived_time, '0001' AS last_failed_wal",
    )


def _slow_standby(world: World) -> None:
    world.stand_in(
        "VIEW stand_in.pg_stat_replication", "SELECT interval '5 minutes' AS replay_lag, '0/0'::pg_lsn AS replay_lsn"
    )


def _old_certificate(world: World) -> Mapping[str, Any]:
    path = world.folder / "front.pem"
    path.write_bytes(a_root().issue(valid_for=3 * DAY).pem)
    return {"watched_certificates": (path,)}


def _unreadable_authority(world: World) -> Mapping[str, Any]:
    return {"client_ca_file": world.folder / "none.pem", "client_crl": world.folder / "none.crl"}


def _set_aside(world: World) -> Mapping[str, Any]:
    world.connection.execute("INSERT INTO ldap_aside (address) VALUES ('a@b.mssante.fr')")
    return {"ldap_enabled": True}


def _given_up(world: World) -> None:
    world.connection.execute(
        "INSERT INTO operator (id, name) VALUES ('a', 'A');"
        "INSERT INTO webhook (id, operator, url, kinds, secret, pepper, epoch, edition, state, due_at)"
        " VALUES ('w', 'a', 'https://a.example', '{mailbox}', '', 'p', 'e', 0, 'disabled', now())"
    )


def _full(_: World) -> Mapping[str, Any]:
    # A file system of the kernel's own, which has no room at all.
    return {"spool_dir": Path("/proc/sys")}


RUN = (
    "INSERT INTO import_run (id, source, file_name, file_sha256, state, finished_at) VALUES ('r', 'finess', 'f', 's', "
)
CASES: Mapping[str, Case] = {
    "postgres binaries": Case(None, "PostgreSQL", setting(pg_bin=Path("/nowhere"))),
    "database": Case(False, "refused", setting(database_url="postgresql://127.0.0.1:1/annuaire")),
    "standby": Case(False, "refused", setting(read_database_url="postgresql://127.0.0.1:1/annuaire")),
    "connections": Case(False, "of 1 are in use", _crowded),
    "transactions": Case(False, "idle", _idle),
    "locks": Case(None, "wait for a lock", _waiting),
    "standbys": Case(False, "300 s behind", _slow_standby),
    "schema": Case(False, "not applied: 0014", sql("UPDATE alembic_version SET version_num = '0013'")),
    "worker": Case(False, "ago", sql(f"INSERT INTO duty VALUES ('{HEARTBEAT}', now() - interval '1 hour')")),
    "duties": Case(False, "disk full", sql("INSERT INTO duty VALUES ('keep', NULL, now(), 'disk full')")),
    "transfers": Case(
        False,
        "1 whose hour",
        sql(
            "INSERT INTO operator (id, name) VALUES ('a', 'A'), ('b', 'B')",
            "INSERT INTO transfer (scope, key, from_operator, to_operator, state, effective_at, proposed_by)"
            " VALUES ('mailbox', 'a@b.mssante.fr', 'a', 'b', 'agreed', now() - interval '1 hour', 'a')",
        ),
    ),
    "webhooks": Case(None, "1 were given up", _given_up),
    "white list": Case(None, "rule of domains is off", sql("SELECT 1")),
    "pending": Case(None, "1 ids wait", sql("INSERT INTO pending (kind, key) VALUES ('mailbox', 'x')")),
    "channels": Case(
        False,
        "publication: an id waits",
        sql("INSERT INTO pending (kind, key, marked_at) VALUES ('mailbox', 'x', now() - interval '1 hour')"),
    ),
    "snapshots": Case(None, "no full files are offered", sql("SELECT 1")),
    "retention": Case(
        False,
        "consultation since",
        sql(
            "INSERT INTO consultation (at, caller, route, status, shown, request_id)"
            " VALUES (now() - interval '9 years', 'anonymous', '/v1/search', 200, 1, 'r')"
        ),
    ),
    "history": Case(False, "restored or promoted", sql("UPDATE directory SET witness = '1/00000001/1'")),
    "backups": Case(False, "cannot archive", _not_archived),
    "imports": Case(False, "failed: finess", sql(f"{RUN} 'failed', now())")),
    "ldap": Case(False, "", setting(ldap_enabled=True, ldap_uri="ldap://127.0.0.1:1")),
    "slapd version": Case(None, "slapd", setting(ldap_enabled=True, ldap_uri="ldap://127.0.0.1:1")),
    "set aside": Case(False, "1 published", _set_aside),
    "client certificates": Case(False, "none can be checked", _unreadable_authority),
    "certificates": Case(False, "first to end", _old_certificate),
    "operators' credentials": Case(
        None,
        "1 of kind key",
        sql("INSERT INTO api_key (id, name, digest, scopes, expires_at)"
            " VALUES ('k', 'k', '\\x00', '{read}', now() + interval '5 days')"),
    ),
    "signing key": Case(None, "not signed", sql("SELECT 1")),
    "audit trail": Case(False, "never", setting(audit_anchor="/elsewhere/roots")),
    "budgets": Case(
        False,
        f"{STORM} of {STORM}",
        sql("INSERT INTO disclosure_day SELECT (now() AT TIME ZONE 'Europe/Paris')::date, 'c' || n, 150"
            f" FROM generate_series(1, {STORM}) n"),
    ),
    "disks": Case(False, "0% free for spool", _full),
}  # fmt: skip


@pytest.fixture
def world(database: Database, settings: Settings, tmp_path: Path) -> Iterator[World]:
    connection = database.connect(autocommit=True)
    a_small_directory(connection)
    yield World(connection, database, settings, tmp_path)
    database.close()


def test_each_look_is_tried() -> None:
    """slapd alone is not: without it no test of this suite runs."""
    assert set(CASES) == set(LOOKS) - {"slapd binaries"}


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_said_with_what_to_do(world: World, name: str) -> None:
    case = CASES[name]
    changed = case.spoil(world)
    finding = look_at(name, world.settings.model_copy(update=changed))
    assert finding.ok is case.ok
    assert case.says in finding.detail
    assert len(finding.remedy) >= 15
    assert not finding.remedy.endswith(".")


@pytest.mark.parametrize("which", newer_slapd.EITHER)
def test_a_slapd_that_leaks_is_named(which: str, open_dir: Path, settings: Settings) -> None:
    with Slapd(open_dir, port=free_port(), root=newer_slapd.root_of(which)) as slapd:
        with Exporter(slapd.ldapi_uri, slapd.suffix) as exporter:
            version = exporter.version()
        look = {"ldap_enabled": True, "ldap_uri": slapd.ldapi_uri}
        finding = look_at("slapd version", settings.model_copy(update=look))
    assert finding.ok is (True if is_frugal(version) else None)
    assert finding.detail.startswith(f"OpenLDAP {text(version)}")
    assert bool(finding.remedy) is not is_frugal(version)


def test_all_is_said_as_text_and_as_json_and_by_the_exit_code(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANNUAIRE_DATABASE_URL", world.settings.database_url)
    monkeypatch.setenv("ANNUAIRE_LDAP_ENABLED", "false")
    assert _run("doctor", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in told["findings"]] == list(LOOKS)
    assert all(each["remedy"] for each in told["findings"] if each["ok"] is not True)
    world.connection.execute("INSERT INTO duty VALUES ('keep', NULL, now(), 'disk full')")
    assert _run("doctor") == 2
    lines = capsys.readouterr().out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("WRONG"))
    assert lines[at].split()[:2] == ["WRONG", "duties"]
    assert lines[at + 1].lstrip().startswith("→ remove the cause")


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code

"""The role of the API adds to the trail and can change nothing of it: with a real second role."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from starlette.testclient import TestClient

from app.access.audit import append
from app.access.audit_verify import verify
from app.embedded import Postgres
from app.main import create_app
from app.publication import bulk
from app.publication.drain import drain_all
from app.settings import Settings
from tests.audit.acts import ACT, Connection, a_trail
from tests.audit.conftest import Run
from tests.builders import a_small_directory
from tests.harness.database import Database
from tests.publication.world import WORLD

ROLE = "annuaire_api"


@pytest.fixture(scope="module")
def role(postgres: Postgres) -> Iterator[str]:
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {ROLE} LOGIN")
        yield ROLE
        connection.execute(f"DROP ROLE {ROLE}")


@pytest.fixture
def granted(role: str, database: Database, annuaire: Run) -> Iterator[Connection]:
    """A connection of the role of the API, on a trail of three acts."""
    owner = database.connect()
    a_trail(owner, 3)
    a_small_directory(owner)
    code, report = annuaire("db", "grant", role)
    assert (code, report["role"]) == (0, role)
    assert not {"audit", "audit_head", "alembic_version"} & set(report["writes"])
    assert {"mailbox", "publication", "pending", "notice", "transfer"} <= set(report["writes"])
    with psycopg.connect(database.dsn, user=role, autocommit=True) as connection:
        yield connection
    owner.execute(f"DROP OWNED BY {role}")
    owner.commit()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit SELECT * FROM audit LIMIT 0",
        "UPDATE audit SET actor = 'x'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "DROP TABLE audit",
        "DROP TRIGGER audit_is_append_only ON audit",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "CREATE TRIGGER mine BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()",
        "UPDATE audit_head SET count = 0",
        "INSERT INTO audit_head SELECT * FROM audit_head LIMIT 0",
        "DELETE FROM audit_head",
        "CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TABLE public.mine ()",
        "UPDATE alembic_version SET version_num = 'x'",
        "SET session_replication_role = replica",
    ],
)
def test_the_role_can_change_nothing_of_the_trail(granted: Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        granted.execute(statement.encode())
    assert verify(granted).rows == 3


def test_the_role_adds_to_the_trail_at_its_end_alone(granted: Connection) -> None:
    assert append(granted, ACT) == 4
    many = "SELECT audit_append_all('a', 'key:a', NULL, 'key', '{x}', '{y}', '{NULL}', '{NULL}', '{z}', NULL)"
    assert granted.execute(many).fetchone() == (5,)
    assert verify(granted).is_whole


def test_tables_and_functions_of_its_own_do_not_stand_in_for_ours(granted: Connection) -> None:
    granted.execute("CREATE TEMP TABLE audit_head AS SELECT * FROM public.audit_head")
    granted.execute("CREATE TEMP TABLE audit AS SELECT * FROM public.audit")
    granted.execute("CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT '\\x00'::bytea $$")
    granted.execute("CREATE FUNCTION pg_temp.json_text(text) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$")
    granted.execute("SET search_path = pg_temp, public, pg_catalog")
    assert append(granted, ACT) == 4
    granted.execute("RESET search_path")
    granted.execute("DROP TABLE pg_temp.audit, pg_temp.audit_head")
    found = verify(granted)
    assert (found.rows, found.faults) == (4, [])


def test_without_the_grant_nothing_is_added(role: str, database: Database) -> None:
    many = "SELECT audit_append_all('a', 'key:a', NULL, 'key', '{x}', '{y}', '{NULL}', '{NULL}', '{z}', NULL)"
    with psycopg.connect(database.dsn, user=role, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            append(connection, ACT)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(many)


@pytest.mark.usefixtures("granted")
def test_the_api_serves_as_that_role(
    role: str, database: Database, api_settings: Settings, key_for: Callable[..., dict[str, str]]
) -> None:
    reader = key_for("read", "audit", "admin")
    as_role = api_settings.model_copy(
        update={"database_url": f"{database.dsn}{'&' if '?' in database.dsn else '?'}user={role}"}
    )
    with TestClient(create_app(as_role)) as client:
        assert client.get("/readyz").status_code == 200
        answers: dict[str, Any] = {
            path: client.get(path, headers=reader)
            for path in (
                "/v1/mailboxes",
                "/v1/changes",
                "/v1/digest",
                "/v1/edition",
                "/v1/audit",
                "/v1/me",
                "/v1/imports",
            )
        }
        assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
        assert len(answers["/v1/audit"].json()["items"]) == 3


def test_tables_that_take_the_place_of_others_are_the_roles_too(
    role: str, database: Database, settings: Settings, annuaire: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MANY", 1)
    owner = database.connect()
    assert annuaire("db", "grant", role)[0] == 0
    owner.execute(WORLD)
    owner.commit()
    table = owner.execute("SELECT 'publication'::regclass::oid::integer").fetchone()
    owner.commit()
    drain_all(settings)
    assert owner.execute("SELECT 'publication'::regclass::oid::integer").fetchone() != table
    owner.commit()
    with psycopg.connect(database.dsn, user=role) as connection:
        connection.execute("SELECT publish(ARRAY['mailbox'], ARRAY(SELECT address FROM mailbox))")
        assert connection.execute("SELECT count(*) > 0 FROM publication").fetchone() == (True,)
    owner.execute(f"DROP OWNED BY {role}")
    owner.commit()


def test_a_role_publishes_what_it_wrote(granted: Connection) -> None:
    granted.execute("UPDATE mailbox SET service = 'ANOTHER'")
    with granted.transaction():
        row = granted.execute("SELECT publish(ARRAY['mailbox'], ARRAY(SELECT address FROM mailbox))").fetchone()
        append(granted, ACT)
    assert row is not None
    documents = granted.execute("SELECT document FROM publication WHERE kind = 'mailbox'").fetchall()
    assert all("ANOTHER" in document for (document,) in documents)


@pytest.mark.parametrize("name", ["nobody", "annuaire"])
def test_a_role_that_is_not_there_or_may_do_everything_is_refused(annuaire: Run, name: str) -> None:
    code, report = annuaire("db", "grant", name)
    assert (code, report["error"]["code"]) == (2, {"nobody": "role.unknown", "annuaire": "role.too_strong"}[name])


def test_a_member_of_the_owner_is_refused(role: str, database: Database, annuaire: Run) -> None:
    owner = database.connect(autocommit=True)
    owner.execute(sql.SQL("GRANT annuaire TO {}").format(sql.Identifier(role)))
    code, report = annuaire("db", "grant", role)
    owner.execute(sql.SQL("REVOKE annuaire FROM {}").format(sql.Identifier(role)))
    assert (code, report["error"]["code"]) == (2, "role.too_strong")

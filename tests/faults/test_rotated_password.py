"""Rotation under load (F24): the password by which the API reaches PostgreSQL changes, and no request fails.

Two roles take turns (docs/operations.md): the next one's password is set while nobody uses it, nodes go over one after
the other, then that of the former is changed. Sessions that are open outlive a change of their password.
"""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from app.access.keys import issue
from app.grants import grant
from tests.builders import DOMAIN, a_practitioner, an_operator, publish
from tests.faults.api import PEPPER, api
from tests.faults.callers import Callers
from tests.faults.commands import Process
from tests.faults.report import Tell, Tried
from tests.faults.test_rotation import bearer
from tests.harness.database import Database

Connection = psycopg.Connection[Any]
FIRST, NEXT = "annuaire_api_a", "annuaire_api_b"


@contextmanager
def roles(database: Database) -> Iterator[Connection]:
    """Both roles, which PostgreSQL asks for their passwords; without any as yet."""
    with psycopg.connect(database.dsn, autocommit=True) as owner:
        hba = Path(_shown(owner, "hba_file"))
        before = hba.read_bytes()
        for role in (FIRST, NEXT):
            owner.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
            grant(owner, role)
        try:
            hba.write_bytes(b"local all %b,%b scram-sha-256\n" % (FIRST.encode(), NEXT.encode()) + before)
            owner.execute("SELECT pg_reload_conf()")
            yield owner
        finally:
            hba.write_bytes(before)
            owner.execute("SELECT pg_reload_conf()")
            for role in (FIRST, NEXT):
                owner.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(role)))


def _shown(owner: Connection, name: str) -> str:
    row = owner.execute("SELECT current_setting(%s)", (name,)).fetchone()
    assert row
    return str(row[0])


def set_password(owner: Connection, role: str, password: str) -> None:
    owner.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)))


def url_of(database: Database, role: str, password: str) -> str:
    """How this role reaches the database."""
    return database.dsn.replace("annuaire@", f"{role}:{quote(password)}@", 1)


@pytest.mark.fault
def test_no_request_fails_while_the_password_of_the_database_changes(
    database: Database, tmp_path: Path, tell: Tell
) -> None:
    with database.connect() as registry:
        publish(registry, ("practitioner", a_practitioner(registry)))
        operator = an_operator(registry, domains=(DOMAIN,))
        _, key = issue(registry, SecretStr(PEPPER), "a caller", ["publish"], operator)
        registry.commit()
    first, later = url_of(database, FIRST, "the first"), url_of(database, NEXT, "the next")
    with roles(database) as owner, ExitStack() as nodes:
        set_password(owner, FIRST, "the first")

        def node(url: str) -> tuple[Process, int]:
            return nodes.enter_context(api(database, tmp_path, None, database_url=url))

        one, two = node(first), node(first)
        callers = Callers(one[1], bearer(key))
        with callers.at_work():
            callers.settled("on the one node of the first role")
            callers.port = two[1]
            callers.settled("on the other")
            set_password(owner, NEXT, "the next")
            _, callers.port = node(later)
            callers.settled("on the one node of the next role")
            end(one)
            callers.port = two[1]
            # Behind the back of the other, which has sessions open.
            set_password(owner, FIRST, "nobody knows")
            callers.settled("on sessions that are older than the password of their role")
            _, callers.port = node(later)
            callers.settled("on the other node of the next role")
            end(two)
            callers.settled("with the first role unused")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(first)
        lost = callers.lost(database.connect())
        tell(Tried("F24", "password of the database changed", callers.answers.total(), len(lost), len(callers.failed)))
        assert (callers.failed, lost) == ([], set())


def end(node: tuple[Process, int]) -> None:
    """As a service manager ends it."""
    node[0].terminate()
    assert node[0].wait(60) in {0, -signal.SIGTERM}

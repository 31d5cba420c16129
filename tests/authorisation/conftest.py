"""One trust space for all cells of a test process, and the API in front of it as two installations have it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI

from app.embedded import Postgres
from app.settings import Settings
from tests.access.authority import a_root
from tests.authorisation.credentials import Kind, Sent, Wallet
from tests.authorisation.space import FILED, OPERATORS, WRITTEN, build
from tests.harness.asgi import Served, serving
from tests.harness.database import cloned

Connection = psycopg.Connection[Any]
STANDING = f"""
SELECT md5(string_agg(m::text, '' ORDER BY m.address)), (SELECT count(*) FROM transfer) FROM mailbox m
WHERE split_part(m.address, '@', 1) IN ('{WRITTEN}', '{FILED}')
"""


@dataclass(frozen=True)
class Matrix:
    """The space, its API where keys do not publish and where they do, and every credential by operator.

    `before`: what stood there when the first cell was asked.
    """

    served: Served
    connection: Connection
    offered: Mapping[str, int]
    credentials: Mapping[str | None, Mapping[str, Sent]]
    before: Any

    def app(self, kind: Kind) -> FastAPI:
        return self.served.apps[kind.key_publishes]


def standing(connection: Connection) -> Any:
    """A hash of what no cell may change."""
    found = connection.execute(STANDING.encode()).fetchone()
    connection.rollback()
    return found


@pytest.fixture(scope="session")
def matrix(migrated: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    folder = tmp_path_factory.mktemp("authority")
    authority = a_root("AC ORGANISATIONS")
    with cloned(migrated) as database:
        connection = database.connect()
        offered = build(connection)
        settings = Settings(
            _env_file=None,
            database_url=database.dsn,
            key_pepper="pepper-of-the-tests",
            ldap_enabled=False,
            database_pool=2,
            statement_timeout_ms=60_000,
            log_level="error",
            anonymous_rate=0,
            key_rate=0,
            failed_rate=0,
            trusted_proxies=("127.0.0.1",),
            client_ca_file=folder / "ca.pem",
            client_crl=folder / "ca.crl",
            spool_dir=folder / "spool",
        )
        wallet = Wallet(connection, settings, authority)
        (folder / "ca.pem").write_bytes(authority.pem)
        (folder / "ca.crl").write_bytes(authority.list_of(wallet.revoked.values()))
        with serving(settings, settings.model_copy(update={"publish_with_key": True})) as served:
            credentials: dict[str | None, Mapping[str, Sent]] = {None: wallet.nobodys()}
            credentials |= {operator: wallet.of(served, operator) for operator in OPERATORS}
            yield Matrix(served, connection, offered, credentials, standing(connection))

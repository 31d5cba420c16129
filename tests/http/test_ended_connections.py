"""PostgreSQL was restarted while nobody asked: whoever comes next is answered, by a connection that is new."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.builders import DOMAIN, a_small_directory, an_operator
from tests.harness.database import Database
from tests.http.fixtures import Connection
from tests.mailbox_writes.operators import Operator, domain_of, org

# Whichever kind of connection each of them takes.
ROUNDS = 2
# Comes back when the processes are gone.
END = """
SELECT count(*) > 2 AND bool_and(pg_terminate_backend(pid, 30000)) FROM pg_stat_activity
WHERE datname = %s AND application_name LIKE 'annuaire%%'
"""


@pytest.fixture
def restarted(database: Database) -> Callable[[], None]:
    """Ends every connection of the API, as a server that stops."""
    connection = database.connect(autocommit=True)

    def end() -> None:
        assert connection.execute(END, [database.name]).fetchone() == (True,)

    return end


def test_connections_that_ended_meanwhile_cost_nobody_an_answer(
    api_settings: Settings,
    registry: Connection,
    key_for: Callable[..., dict[str, str]],
    restarted: Callable[[], None],
) -> None:
    a_small_directory(registry)
    identifier = an_operator(registry, domains=(domain_of("own"),))
    writer, reader, admin = key_for("publish", operator=identifier), key_for("read"), key_for("admin")
    settings = api_settings.model_copy(update={"publish_with_key": True, "database_pool": 8})
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        operator = Operator(client, identifier, writer)

        def ask(number: int) -> list[int]:
            return [
                client.get(f"/v1/mailboxes/anne.exemple@{DOMAIN}").status_code,
                client.get("/v1/practitioners?name=exemple").status_code,
                operator.put(f"m{number}@{DOMAIN}", org()).status_code,
                client.get(f"/v1/mailboxes?domain={DOMAIN}", headers=reader).status_code,
                client.post("/v1/imports/20260101T000000-finess-000000/undo", headers=admin).status_code,
                client.get("/readyz").status_code,
            ]

        expected = ask(0)
        assert expected == [200, 200, 201, 200, 404, 200]
        for number in range(1, ROUNDS + 1):
            restarted()
            assert ask(number) == expected

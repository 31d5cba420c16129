"""Two operators that share a directory, and the API that lets their keys write."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest
from starlette.testclient import TestClient

from app.access.keys import issue
from app.main import create_app
from app.settings import Settings
from tests.audit.conftest import annuaire
from tests.builders import a_mailbox, a_practitioner, an_operator, publish
from tests.http.fixtures import api_settings, key_for, registry

__all__ = ["annuaire", "api_settings", "key_for", "registry"]

Connection = psycopg.Connection[Any]
GIVER, RECEIVER, OTHER = "1990000010", "1990000028", "1990000036"
SHARED, OWN, THEIRS = "partage.mssante.fr", "donne.mssante.fr", "recoit.mssante.fr"
ADDRESS, OWN_ADDRESS = f"anne.exemple@{SHARED}", f"anne.exemple@{OWN}"


@pytest.fixture
def space(registry: Connection) -> Connection:
    """Giver and receiver share a domain, and each has one of its own; the giver wrote a mailbox in each of its two."""
    registry.execute("UPDATE source SET loaded = true WHERE name = 'liste_blanche'")
    an_operator(registry, GIVER, name="DONNEUR", domains=(SHARED, OWN))
    an_operator(registry, RECEIVER, name="RECEVEUR", domains=(SHARED, THEIRS))
    an_operator(registry, OTHER, name="AUTRE", domains=("autre.mssante.fr",))
    person = a_practitioner(registry)
    for address in (ADDRESS, OWN_ADDRESS):
        a_mailbox(registry, address, practitioner=person, source="api", service="CARDIOLOGIE")
    registry.execute("UPDATE mailbox SET operator = %s", (GIVER,))
    publish(registry, ("practitioner", person), ("mailbox", ADDRESS), ("mailbox", OWN_ADDRESS))
    return registry


def share(space: Connection, domain: str, operator: str) -> None:
    """List a domain for one more operator."""
    space.execute(
        "INSERT INTO domain (name, certificate, source)"
        " SELECT %s, dn, 'liste_blanche' FROM operator_certificate WHERE operator = %s",
        (domain, operator),
    )
    space.commit()


def agreed(
    space: Connection, scope: str, key: str, new_address: str | None = None, *, state: str = "agreed", in_ms: int = 0
) -> int:
    """A transfer from giver to receiver whose hour has come, or comes so soon. Returns its number."""
    row = space.execute(
        "INSERT INTO transfer (scope, key, new_address, from_operator, to_operator, effective_at, state, proposed_by)"
        " VALUES (%s, %s, %s, %s, %s, clock_timestamp() + %s * interval '1 ms', %s, %s) RETURNING id",
        (scope, key, new_address, GIVER, RECEIVER, in_ms, state, GIVER),
    ).fetchone()
    space.commit()
    assert row is not None
    return int(row[0])


class Sides(NamedTuple):
    """Headers of the giver, the receiver, and an operator that it does not concern."""

    giver: dict[str, str]
    receiver: dict[str, str]
    other: dict[str, str]


@pytest.fixture
def sides(space: Connection, api_settings: Settings) -> Sides:
    def key(operator: str) -> dict[str, str]:
        _, made = issue(space, api_settings.key_pepper, operator, ["publish"], operator)
        return {"Authorization": f"Bearer {made}"}

    made = Sides(key(GIVER), key(RECEIVER), key(OTHER))
    space.commit()
    return made


@pytest.fixture
def client(api_settings: Settings) -> Iterator[TestClient]:
    app = create_app(api_settings.model_copy(update={"publish_with_key": True}))
    with TestClient(app, raise_server_exceptions=False) as test_client:
        yield test_client

"""The API in process with operators' writes by key; one operator of two domains, a person and a structure."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from app.settings import Settings
from tests.builders import a_practitioner, a_structure, an_operator, publish
from tests.http.fixtures import Connection, client, key_for, reader, registry
from tests.mailbox_writes.operators import OTHER, Operator, domain_of

__all__ = ["client", "key_for", "reader", "registry"]


@pytest.fixture
def api_settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"database_pool": 4, "log_level": "error", "publish_with_key": True})


@pytest.fixture
def world(registry: Connection) -> Connection:
    """A structure and a person that the registers know, published, and a white list in force."""
    structure = a_structure(registry)
    person = a_practitioner(registry, organization=structure)
    registry.execute("UPDATE source SET loaded = true WHERE name = 'liste_blanche'")
    publish(registry, ("organization", structure), ("practitioner", person))
    return registry


@pytest.fixture
def operator(client: TestClient, world: Connection, key_for: Callable[..., dict[str, str]]) -> Operator:
    """An operator that owns its domain alone, and shares one with `other`."""
    identifier = an_operator(world, domains=(domain_of("own"), domain_of("shared")))
    return Operator(client, identifier, key_for("publish", operator=identifier))


@pytest.fixture
def other(client: TestClient, world: Connection, key_for: Callable[..., dict[str, str]]) -> Operator:
    """Another operator, which shares one domain."""
    identifier = an_operator(world, OTHER, name="AUTRE", domains=(domain_of("other"), domain_of("shared")))
    return Operator(client, identifier, key_for("publish", operator=identifier))

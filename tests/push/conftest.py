"""A receiver, a subscriber, and the courier between them."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.access.peppers import Peppers
from app.main import create_app
from app.push.loop import Courier
from app.push.subscriptions import ADD, Owner, made
from app.settings import Settings
from tests.audit.conftest import annuaire
from tests.builders import OPERATOR, a_small_directory, an_operator
from tests.harness.database import Database
from tests.http.fixtures import api_settings, key_for, reader, registry
from tests.push.receiver import Receiver

__all__ = ["annuaire", "api_settings", "key_for", "reader", "registry"]

Connection = psycopg.Connection[Any]


@pytest.fixture
def push_settings(api_settings: Settings) -> Settings:
    """Settings under which a receiver on this machine may be told."""
    return api_settings.model_copy(update={"webhook_insecure": True})


@pytest.fixture
def client(push_settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(push_settings), raise_server_exceptions=False) as test_client:
        yield test_client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


@pytest.fixture
def clock(database: Database) -> Connection:
    """A connection as the worker has one."""
    return database.connect(autocommit=True)


@pytest.fixture
def directory(registry: Connection) -> int:
    """A small published directory of one operator. Returns its edition."""
    edition = a_small_directory(registry)
    an_operator(registry)
    registry.commit()
    return edition


@pytest.fixture
def courier(push_settings: Settings) -> Iterator[Courier]:
    with Courier(push_settings) as travelling:
        yield travelling


def subscribe(connection: Connection, settings: Settings, url: str, *kinds: str) -> tuple[str, str]:
    """A webhook of the operator. Returns (id, secret)."""
    values, secret = made(Owner(operator=OPERATOR), Peppers.of(settings).current, url, kinds)
    connection.execute(ADD.encode(), values)
    return values["id"], secret


def deliver(courier: Courier, clock: Connection) -> int:
    """Send what is due, and wait until it is recorded. Returns how many letters left."""
    left = courier.send(clock)
    courier.collect(clock, None)
    return left


def hurry(clock: Connection) -> None:
    """As if every pause were over."""
    clock.execute("UPDATE webhook SET due_at = clock_timestamp()")

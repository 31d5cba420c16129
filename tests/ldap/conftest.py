"""A small published world beside an empty slapd."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from app.ldap.client import Exporter
from app.ldap.sync import sync_once
from app.settings import Settings
from tests.harness.database import Database
from tests.publication.world import build


@pytest.fixture
def world(database: Database) -> psycopg.Connection[Any]:
    """The registry of the small world, published: five visible mailboxes."""
    connection = database.connect()
    build(connection)
    return connection


@pytest.fixture
def synced(world: psycopg.Connection[Any], ldap_settings: Settings) -> Settings:
    """Settings of a tree that holds the small world."""
    sync_once(ldap_settings)
    world.commit()
    return ldap_settings


@pytest.fixture
def exporter(ldap_settings: Settings) -> Iterator[Exporter]:
    """An exporter of the test's own."""
    with Exporter(ldap_settings.ldap_uri, ldap_settings.ldap_suffix) as connection:
        yield connection


@pytest.fixture
def connection(database: Database) -> psycopg.Connection[Any]:
    """A connection as the exporter has one."""
    return database.connect(autocommit=True)

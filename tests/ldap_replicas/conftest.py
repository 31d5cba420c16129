"""A directory that others copy: the small world, published into a slapd that is reached over TLS."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.ldap.client import Exporter
from app.ldap.sync import sync_once
from app.settings import Settings
from tests.access.authority import a_root
from tests.harness.database import Database
from tests.harness.ldap_tls import PublicSlapd
from tests.ldap_replicas.followers import Follower, our_replica, stock_replica
from tests.publication.world import build


@pytest.fixture
def world(database: Database) -> psycopg.Connection[Any]:
    """The registry of the small world, published: five visible mailboxes."""
    connection = database.connect()
    build(connection)
    return connection


@pytest.fixture
def public(open_dir: Path) -> Iterator[PublicSlapd]:
    """The slapd that is copied, running and empty."""
    made = PublicSlapd(open_dir, a_root())
    with made.slapd:
        yield made


@pytest.fixture
def exported(settings: Settings, public: PublicSlapd, world: psycopg.Connection[Any]) -> Settings:
    """Settings of an exporter whose tree holds the small world."""
    made = settings.model_copy(update={"ldap_enabled": True, "ldap_uri": public.slapd.ldapi_uri})
    sync_once(made)
    world.commit()
    return made


@pytest.fixture
def followers(public: PublicSlapd, exported: Settings) -> Iterator[list[Follower]]:
    """A replica of ours over StartTLS, and the slapd of an operator over LDAPS."""
    assert exported.ldap_enabled
    with ExitStack() as stack:
        made = []
        for kind in (our_replica, stock_replica):
            follower = kind(public)
            stack.callback(follower.close)
            made.append(follower)
        yield made


@pytest.fixture
def exporter(exported: Settings) -> Iterator[Exporter]:
    """An exporter of the test's own."""
    with Exporter(exported.ldap_uri, exported.ldap_suffix) as connection:
        yield connection

"""What the worker sees of the tree is written down for those who do not talk to slapd."""

from typing import Any

import psycopg
import pytest

from app.ldap.client import LdapUnreachable
from app.ldap.sync import sync_once
from app.ldap.watch import look
from app.settings import Settings

Connection = psycopg.Connection[Any]


def _seen(connection: Connection) -> Any:
    return connection.execute("SELECT edition, epoch FROM ldap_seen").fetchone()


def test_the_tree_is_seen_as_it_is(connection: Connection, world: Connection, ldap_settings: Settings) -> None:
    look(connection, ldap_settings)
    assert _seen(connection) == (0, None)
    sync_once(ldap_settings)
    look(connection, ldap_settings)
    assert _seen(connection) == world.execute("SELECT edition, epoch FROM directory").fetchone()


def test_a_slapd_that_is_away_leaves_the_last_look_to_age(connection: Connection, ldap_settings: Settings) -> None:
    look(connection, ldap_settings)
    before = connection.execute("SELECT seen_at FROM ldap_seen").fetchone()
    with pytest.raises(LdapUnreachable):
        look(connection, ldap_settings.model_copy(update={"ldap_uri": "ldapi:///nowhere"}))
    assert connection.execute("SELECT seen_at FROM ldap_seen").fetchone() == before

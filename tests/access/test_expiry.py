"""Operators hear of what will end, once in time and once again late; what has ended is forgotten."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from app.access import retention
from app.access.expiry import announce
from app.access.keys import issue, renew, revoke
from app.settings import Settings
from tests.builders import OPERATOR, an_operator

Connection = psycopg.Connection[Any]
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
DN = "C=FR,CN=bal.exemple,OU=1990000010"


def notices(registry: Connection) -> list[tuple[str, str, int]]:
    rows = registry.execute("SELECT operator, code, key, detail FROM notice ORDER BY id").fetchall()
    assert {operator for operator, *_ in rows} <= {OPERATOR}
    return [(code, key, json.loads(detail)["days"]) for _, code, key, detail in rows]


@pytest.fixture
def key(registry: Connection, settings: Settings) -> str:
    """A key of an operator that ends in 100 days."""
    an_operator(registry)
    return issue(registry, settings.key_pepper, "mail", ["publish"], OPERATOR, expires_in=100 * DAY)[0]


def test_an_operator_is_told_of_a_key_that_ends_once_in_time_and_once_late(
    registry: Connection, settings: Settings, key: str
) -> None:
    for days, told in ((60, []), (70.5, [30]), (80, [30]), (93.5, [30, 7]), (99, [30, 7]), (101, [30, 7])):
        for _ in range(2):
            announce(registry, settings, NOW + days * DAY)
        assert notices(registry) == [("key.expires", key, each) for each in told]


def test_what_nobody_waits_for_is_not_announced(registry: Connection, settings: Settings, key: str) -> None:
    issue(registry, settings.key_pepper, "nobody's", ["read"], None, expires_in=10 * DAY)
    revoked, _ = issue(registry, settings.key_pepper, "revoked", ["read"], OPERATOR, expires_in=10 * DAY)
    revoke(registry, revoked)
    renew(registry, settings.key_pepper, key, overlap=10 * DAY)
    announce(registry, settings, NOW)
    assert notices(registry) == []


def use(registry: Connection, fingerprint: bytes, dn: str, ends: datetime) -> None:
    registry.execute(
        "INSERT INTO client_certificate (fingerprint, dn, expires_at, last_used_at) VALUES (%s, %s, %s, now())",
        (fingerprint, dn, ends),
    )


def test_an_operator_is_told_of_its_certificate_until_a_later_one_is_used(
    registry: Connection, settings: Settings
) -> None:
    an_operator(registry)
    use(registry, b"1", DN, NOW + 20 * DAY)
    use(registry, b"2", "CN=of nobody", NOW + 20 * DAY)
    announce(registry, settings, NOW)
    assert notices(registry) == [("certificate.expires", DN, 30)]
    use(registry, b"3", DN, NOW + 400 * DAY)
    announce(registry, settings, NOW + 15 * DAY)
    assert len(notices(registry)) == 1
    announce(registry, settings, NOW + 395 * DAY)
    assert notices(registry)[1:] == [("certificate.expires", DN, 7)]


def test_what_has_ended_is_forgotten_and_nothing_else(registry: Connection, settings: Settings) -> None:
    an_operator(registry)
    registry.execute(
        "INSERT INTO client_key (id, name, operator, scopes, kid, algorithm, jwk)"
        " VALUES ('c', '', %s, '{read}', 'k', 'ES256', '')",
        (OPERATOR,),
    )
    for number, ended in enumerate((timedelta(hours=1), 2 * DAY, 100 * DAY)):
        key = bytes([number])
        registry.execute("INSERT INTO access_token VALUES (%s, 'c', '{read}', NULL, now(), %s)", (key, NOW - ended))
        registry.execute("INSERT INTO client_assertion VALUES ('c', %s, %s)", (str(number), NOW - ended))
        use(registry, key, DN, NOW - ended)
    retention.prune(registry, settings, NOW)
    left = {
        table: registry.execute(f"SELECT count(*) FROM {table}").fetchone()
        for table in ("access_token", "client_assertion", "client_certificate", "client_key")
    }
    assert left == {"access_token": (1,), "client_assertion": (1,), "client_certificate": (2,), "client_key": (1,)}

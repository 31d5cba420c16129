"""A filled directory behind a real API with its worker, and one credential of every kind that callers have."""

import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from joserfc import jwt
from joserfc.jwk import ECKey

from app import worker
from app.access import clients, keys
from app.access.client_jwk import read
from app.access.distinguished_name import of_name
from app.access.oauth_routes import ASSERTION_TYPE, GRANT
from app.embedded.secret import signing_key
from app.publication import snapshots
from app.settings import Settings
from tests.access.authority import DAY, Authority, Held, a_name, a_root
from tests.builders import DOMAIN, a_small_directory
from tests.confidentiality import world
from tests.harness.database import Database
from tests.harness.serving import serving
from tests.imports.files import MAILBOXES

Connection = psycopg.Connection[Any]
PATIENCE = 60.0


@dataclass(frozen=True)
class Served:
    """Where it listens, and the headers by which each kind of caller shows itself; none of the anonymous one."""

    url: str
    settings: Settings
    callers: Mapping[str, Mapping[str, str]]


@contextmanager
def served(database: Database, folder: Path) -> Iterator[Served]:
    """The directory of `tests.confidentiality`, a snapshot, an import, and whoever may ask."""
    authority = a_root("AC ORGANISATIONS")
    settings = _settings(database, folder, authority)
    with psycopg.connect(database.dsn) as connection:
        world.build(connection, settings.key_pepper)
        # What the description gives as examples is there.
        a_small_directory(connection)
        operator = _certified(connection, authority)
        callers = {
            "anonymous": {},
            "reader": _bearer(_key(connection, settings, "read")),
            "operator by certificate": operator.header,
            "administrator": _bearer(_key(connection, settings, "admin", "audit")),
        }
        client, secret = _client(connection)
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        assert snapshots.make(settings, connection)
    with serving(settings) as url, _working(settings):
        callers["operator by token"] = _bearer(_token(url, client, secret))
        _upload(url, callers["administrator"])
        _propose(url, callers["operator by token"])
        yield Served(url, settings, callers)


def _settings(database: Database, folder: Path, authority: Authority) -> Settings:
    (folder / "ca.pem").write_bytes(authority.pem)
    (folder / "ca.crl").write_bytes(authority.list_of())
    return Settings(
        _env_file=None,
        database_url=database.dsn,
        key_pepper="pepper-of-the-tests",
        ldap_enabled=False,
        log_level="error",
        database_pool=4,
        statement_timeout_ms=60_000,
        # Whoever asks ten thousand questions a minute is stopped elsewhere: tests/budgets, tests/access.
        anonymous_budget=0,
        anonymous_rate=0,
        key_rate=0,
        failed_rate=0,
        trusted_proxies=("127.0.0.1",),
        client_ca_file=folder / "ca.pem",
        client_crl=folder / "ca.crl",
        spool_dir=folder / "spool",
        snapshot_dir=folder / "snapshots",
        snapshot_hours=0,
        signing_key=signing_key(folder),
    )


def _certified(connection: Connection, authority: Authority) -> Held:
    """The owner's certificate, which stands for its domains."""
    held = authority.issue(a_name("bal.exemple", world.OWNER))
    dn = of_name(held.certificate.subject)
    connection.execute(
        "INSERT INTO operator_certificate (dn, operator, listed_as) VALUES (%s, %s, %s)", (dn, world.OWNER, dn)
    )
    connection.execute(
        "INSERT INTO domain (name, certificate, source) SELECT unnest(%s::text[]), %s, 'liste_blanche'",
        ([DOMAIN, *world.OPERATORS[world.OWNER]], dn),
    )
    connection.commit()
    return held


def _key(connection: Connection, settings: Settings, *scopes: str) -> str:
    _, key = keys.issue(connection, settings.key_pepper, "described", scopes, None)
    connection.commit()
    return key


def _client(connection: Connection) -> tuple[clients.ListedClient, ECKey]:
    key = ECKey.generate_key("P-256")
    public = read(json.dumps(key.as_dict(private=False)))
    listed = clients.add(connection, "mail", world.OWNER, ["publish", "read"], public)
    connection.commit()
    return listed, key


def _token(url: str, client: clients.ListedClient, key: ECKey) -> str:
    claims = {
        "iss": client.id,
        "sub": client.id,
        "aud": url,
        "exp": int((datetime.now(UTC) + timedelta(minutes=2)).timestamp()),
        "jti": secrets.token_hex(8),
    }
    form = {
        "grant_type": GRANT,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": jwt.encode({"alg": "ES256", "kid": client.kid}, claims, key),
    }
    answer = httpx2.post(f"{url}/oauth2/token", data=form)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def _upload(url: str, headers: Mapping[str, str]) -> None:
    answer = httpx2.post(f"{url}/v1/imports", content=MAILBOXES.read_bytes(), headers=dict(headers))
    assert answer.status_code == 202, answer.text


def _propose(url: str, headers: Mapping[str, str]) -> None:
    wanted = {"domain": world.OWN, "to": world.CO_OWNER, "effective_at": (datetime.now(UTC) + 300 * DAY).isoformat()}
    answer = httpx2.post(f"{url}/v1/transfers", json=wanted, headers=dict(headers))
    assert answer.status_code == 201, answer.text


@contextmanager
def _working(settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(settings, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}

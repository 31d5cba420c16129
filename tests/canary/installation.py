"""An installation with secrets of its own: PostgreSQL, slapd, API and worker, each with its log."""

import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psycopg
from joserfc import jwt
from joserfc.jwk import ECKey
from psycopg import sql

from app.access import clients, keys
from app.access.client_jwk import read
from app.embedded import Postgres, Slapd, free_port
from app.embedded.secret import signing_key
from app.settings import PREFIX, Settings
from tests.builders import DOMAIN, OPERATOR, a_mailbox, a_small_directory, an_operator, publish
from tests.faults.commands import Process, started
from tests.harness.database import Database
from tests.tracing.collector import Collector

PATIENCE = 120.0
HIDDEN = f"zq7canari.cache@{DOMAIN}"
# Somebody looked for: nobody of this name is there, and nobody must learn that somebody asked.
SOUGHT = "ZQ7CANARICHERCHE"


@dataclass(frozen=True)
class Installation:
    """Its parts, what must be found nowhere by its name, and who asks. `settings` are those of its processes."""

    url: str
    database: Database
    folder: Path
    logs: Mapping[str, Path]
    secrets: Mapping[str, str]
    callers: Mapping[str, Mapping[str, str]]
    settings: Mapping[str, str]
    processes: tuple[Process, ...]
    traces: Collector

    def logged(self) -> dict[str, str]:
        """All that was written to a log since the installation began."""
        return {name: path.read_text("utf-8", "replace") for name, path in self.logs.items()}

    def close(self, *, is_closed: bool) -> None:
        """Take the database away, or give it back."""
        with psycopg.connect(self.database.dsn.replace(self.database.name, "postgres"), autocommit=True) as connection:
            allow = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
            connection.execute(allow.format(sql.Identifier(self.database.name), sql.Literal(not is_closed)))
            if is_closed:
                end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                connection.execute(end, (self.database.name,))


@contextmanager
def installed(postgres: Postgres, slapd: Slapd, database: Database, folder: Path) -> Iterator[Installation]:
    """It serves until the block ends. `folder` holds its files and the words of its processes."""
    told = _secrets()
    given = _settings(database, slapd, folder, told)
    settings = Settings(_env_file=None, **given)  # type: ignore[arg-type]  # as the environment has them
    client, key = _fill(database)
    callers = {"anonymous": {}, **_keys(database, settings, told)}
    for log in (postgres.log, slapd.log):
        os.truncate(log, 0)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    traces = Collector()
    given |= {"issuer": url, "traces_url": traces.url, "traces_ratio": "1"}
    with (
        traces,
        started(database, folder, "serve", "--port", str(port), **given) as api,
        started(database, folder, "worker", **given) as worker,
    ):
        _wait(url, api)
        told["client assertion"] = _assertion(url, client, key)
        told |= {"token": _token(url, told["client assertion"]), "signing key": _private(given["signing_key"])}
        callers["operator by token"] = {"Authorization": f"Bearer {told['token']}"}
        logs = {"PostgreSQL": postgres.log, "slapd": slapd.log, "our processes": folder / "words"}
        yield Installation(url, database, folder, logs, told, callers, given, (api, worker), traces)


def _secrets() -> dict[str, str]:
    names = ("pepper", "former pepper", "proxy secret", "database password")
    return {name: f"zq7{secrets.token_hex(16)}" for name in names}


def _settings(database: Database, slapd: Slapd, folder: Path, told: Mapping[str, str]) -> dict[str, str]:
    return {
        "database_url": database.dsn.replace("annuaire@", f"annuaire:{told['database password']}@"),
        "key_pepper": told["pepper"],
        "former_key_peppers": told["former pepper"],
        "proxy_secret": told["proxy secret"],
        "trusted_proxies": "127.0.0.1",
        "signing_key": str(signing_key(folder)),
        "ldap_enabled": "true",
        "ldap_uri": slapd.ldapi_uri,
        "log_level": "debug",
        "database_pool": "2",
        "anonymous_budget": "0",
        "snapshot_hours": "1",
        "webhook_insecure": "true",
    }


def _fill(database: Database) -> tuple[clients.ListedClient, ECKey]:
    """A small directory with one hidden mailbox, and a program of its operator."""
    key = ECKey.generate_key("P-256")
    with psycopg.connect(database.dsn) as connection:
        an_operator(connection)
        connection.execute("UPDATE source SET loaded = true WHERE name = 'liste_blanche'")
        a_small_directory(connection)
        a_mailbox(connection, HIDDEN, mailbox_type="ORG", organization="1990000010", unlisted=True, source="api")
        connection.execute("UPDATE mailbox SET operator = %s WHERE address = %s", (OPERATOR, HIDDEN))
        publish(connection, ("mailbox", HIDDEN))
        client = clients.add(
            connection, "mail", OPERATOR, ["publish", "read"], read(json.dumps(key.as_dict(private=False)))
        )
    return client, key


def _keys(database: Database, settings: Settings, told: dict[str, str]) -> dict[str, dict[str, str]]:
    """Callers by keys, which are secrets from now on."""
    callers = {}
    with psycopg.connect(database.dsn) as connection:
        for scopes in (("read",), ("admin", "audit")):
            name = f"key that {'reads' if 'read' in scopes else 'administers'}"
            told[name] = keys.issue(connection, settings.key_pepper, name, scopes, None)[1]
            callers[name] = {"Authorization": f"Bearer {told[name]}"}
        # As if somebody had mistyped it.
        told["wrong key"] = told["key that reads"][:-1] + "_"
        callers["wrong key"] = {"Authorization": f"Bearer {told['wrong key']}"}
    return callers


def _assertion(url: str, client: clients.ListedClient, key: ECKey) -> str:
    claims = {"iss": client.id, "sub": client.id, "aud": url, "exp": int(time.time()) + 120, "jti": "zq7"}
    return jwt.encode({"alg": "ES256", "kid": client.kid}, claims, key)


def _token(url: str, assertion: str) -> str:
    answer = httpx2.post(f"{url}/oauth2/token", data=token_form(assertion))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def token_form(assertion: str) -> dict[str, str]:
    """What a client sends to get a token."""
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }


def _private(path: str) -> str:
    """A line of the private key alone."""
    return Path(path).read_text("ascii").splitlines()[2]


def _wait(url: str, api: Process) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        assert api.poll() is None, "the API ended before it served"
        assert time.monotonic() < deadline, "the API does not answer"
        try:
            if httpx2.get(f"{url}/healthz").status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.05)


def environment(installation: Installation) -> dict[str, str]:
    """The variables of its processes."""
    return {f"{PREFIX}{name.upper()}": value for name, value in installation.settings.items()}

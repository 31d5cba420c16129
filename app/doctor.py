"""`annuaire doctor`: what is here, what answers, and what an administrator should know."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util.exc import CommandError
from ldap3 import BASE, NONE, Connection, Server
from ldap3.core.exceptions import LDAPException
from sqlalchemy import NullPool, create_engine

from app.access.certificate_trust import Trust, TrustUnusable
from app.console import Refused, one_line
from app.db import alembic_config, connect, schema_unknown, sqlalchemy_url
from app.embedded.binaries import find_postgres, find_slapd
from app.lag import MEASURE, Lag, judged
from app.settings import Settings
from app.signing import signing_of
from app.standby.watch import held_by

PATIENCE = 5
# A revocation list that ends so soon is worth a word.
LIST_NOTICE = timedelta(hours=24)
# A white list whose hour has come is applied within seconds, unless another import runs.
OVERDUE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `ok` is None for what is only good to know."""

    name: str
    ok: bool | None
    detail: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything, in the order in which one thing needs another; a fault is a finding, not an exception."""
    looks: dict[str, Callable[[Settings], tuple[bool | None, str]]] = {
        "postgres binaries": _postgres_binaries,
        "slapd binaries": _slapd_binaries,
        "database": _database,
        "standby": _standby,
        "schema": _schema,
        "white list": _white_list,
        "pending": _pending,
        "client certificates": _client_certificates,
        "signing key": _signing_key,
        "snapshots": _snapshots,
        "channels": _channels,
        "webhooks": _webhooks,
        "duties": _duties,
        "transfers": _transfers,
        "ldap": _ldap,
    }
    return [_finding(name, look, settings) for name, look in looks.items()]


def missing_migrations(database_url: str) -> list[str]:
    """Revisions of the code that the database has not had yet, oldest first. Raises Refused for a newer schema."""
    scripts = ScriptDirectory.from_config(alembic_config(database_url))
    engine = create_engine(sqlalchemy_url(database_url), poolclass=NullPool, connect_args={"connect_timeout": PATIENCE})
    with engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_heads()
    try:
        done = {script.revision for head in present for script in scripts.iterate_revisions(head, "base")}
    except (CommandError, RevisionError) as error:
        raise schema_unknown(error) from error
    return [script.revision for script in reversed(list(scripts.walk_revisions())) if script.revision not in done]


def _finding(name: str, look: Callable[[Settings], tuple[bool | None, str]], settings: Settings) -> Finding:
    try:
        ok, detail = look(settings)
    except Refused as refusal:
        ok, detail = None if name.endswith("binaries") else False, refusal.message
    except (psycopg.Error, LDAPException, OSError) as error:
        ok, detail = False, one_line(error)
    return Finding(name, ok, detail)


def _postgres_binaries(settings: Settings) -> tuple[bool | None, str]:
    binaries = find_postgres(settings.pg_bin)
    return True, f"PostgreSQL {binaries.major} in {binaries.folder} (used by annuaire up)"


def _slapd_binaries(_settings: Settings) -> tuple[bool | None, str]:
    return True, f"{find_slapd().slapd} (used by annuaire up)"


def _database(settings: Settings) -> tuple[bool | None, str]:
    with connect(settings) as connection:
        return True, f"PostgreSQL {connection.info.server_version // 10_000} answers"


def _standby(settings: Settings) -> tuple[bool | None, str]:
    if settings.read_database_url is None:
        return None, "none: the database above answers every read (ANNUAIRE_READ_DATABASE_URL)"
    edition, epoch = held_by(settings.database_url)
    held, held_epoch = held_by(settings.read_database_url)
    if held_epoch != epoch:
        return False, "it holds another history and is never read: make it anew from the primary (pg_basebackup)"
    # The primary was asked first, so a replica that follows holds as much, or lacks what came in that moment.
    return (True if held >= edition else None), f"holds edition {held} of {edition}"


def _schema(settings: Settings) -> tuple[bool | None, str]:
    with connect(settings):  # its error is one line; that of the migrations' engine is a page
        missing = missing_migrations(settings.database_url)
    return not missing, f"not applied: {', '.join(missing)}: run annuaire db upgrade" if missing else "up to date"


def _white_list(settings: Settings) -> tuple[bool | None, str]:
    due = _value(settings, "SELECT min(effective_at) FROM import_run WHERE wish IS NOT NULL")
    if due and due < datetime.now(UTC) - OVERDUE:
        return False, f"one was to count from {due:%Y-%m-%d %H:%M %Z} and is not applied: no worker does imports"
    later = f"; another one counts from {due:%Y-%m-%d %H:%M %Z}" if due else ""
    if _value(settings, "SELECT loaded FROM source WHERE name = 'liste_blanche'"):
        return True, f"in force: mailboxes of unlisted domains are not published{later}"
    return None, f"none imported yet: the rule of domains is off, mailboxes of any domain are published{later}"


def _pending(settings: Settings) -> tuple[bool | None, str]:
    left = _value(settings, "SELECT count(*) FROM pending")
    return (None if left else True), f"{left} ids wait for the worker to publish them" if left else "nothing waits"


def _snapshots(settings: Settings) -> tuple[bool | None, str]:
    newest = _value(
        settings,
        "SELECT max(s.made_at) FROM snapshot s JOIN directory d ON d.epoch = s.epoch WHERE s.state = 'offered'",
    )
    if newest is None:
        return None, "no full files are offered: copies cannot begin (annuaire snapshot make)"
    said = f"the newest full files are of {newest:%Y-%m-%d %H:%M %Z}"
    every = timedelta(hours=settings.snapshot_hours)
    if every and newest < datetime.now(UTC) - 2 * every:
        return False, f"{said}: no worker makes others (ANNUAIRE_SNAPSHOT_HOURS)"
    return True, said


def _channels(settings: Settings) -> tuple[bool | None, str]:
    with connect(settings) as connection:
        row = connection.execute(MEASURE.encode()).fetchone()
    if row is None:
        return False, "the directory was not set up: run annuaire db upgrade"
    late = judged(Lag(*row), settings)
    return not late, "; ".join(f"{channel}: {detail}" for channel, detail in late) or "none lags beyond its limit"


def _webhooks(settings: Settings) -> tuple[bool | None, str]:
    failing = _value(settings, "SELECT count(*) FROM webhook WHERE state = 'active' AND attempt > 0")
    disabled = _value(settings, "SELECT count(*) FROM webhook WHERE state = 'disabled'")
    if failing or disabled:
        return None, f"{failing} receivers do not answer, {disabled} were given up: annuaire webhook list"
    return True, "no receiver fails"


def _duties(settings: Settings) -> tuple[bool | None, str]:
    failing = _value(
        settings, "SELECT string_agg(name || ' (' || failure || ')', '; ' ORDER BY name) FROM duty WHERE failure <> ''"
    )
    if failing:
        return False, f"failed, and tried again every five minutes by the worker: {failing}"
    return True, "none of the worker's duties fails"


def _client_certificates(settings: Settings) -> tuple[bool | None, str]:
    if not settings.client_ca_file or not settings.client_crl:
        return None, "none are taken (ANNUAIRE_CLIENT_CA_FILE)"
    now = datetime.now(UTC)
    try:
        until = Trust.read(settings.client_ca_file, settings.client_crl).lists_until(now)
    except TrustUnusable as fault:
        return False, f"none can be checked: {fault}"
    if not settings.trusted_proxies:
        return False, "none are believed: no proxy is trusted (ANNUAIRE_TRUSTED_PROXIES)"
    said = f"the first of their revocation lists runs out on {until:%Y-%m-%d %H:%M} UTC"
    return (True if until - now > LIST_NOTICE else None), said


def _signing_key(settings: Settings) -> tuple[bool | None, str]:
    signing = signing_of(settings)
    if signing.signer is None:
        return None, "none: checkpoints and manifests are not signed, no copy can be proved (ANNUAIRE_SIGNING_KEY)"
    return True, f"{signing.signer.kid} signs; {len(signing.public_keys()['keys'])} public keys are shown"


def _transfers(settings: Settings) -> tuple[bool | None, str]:
    late = _value(
        settings,
        "SELECT count(*) FROM transfer WHERE state IN ('proposed', 'agreed')"
        " AND effective_at < now() - interval '1 minute'",
    )
    return not late, f"{late} whose hour is over for a minute or more: is a worker running?" if late else "none is late"


def _ldap(settings: Settings) -> tuple[bool | None, str]:
    if not settings.ldap_enabled:
        return None, "switched off (ANNUAIRE_LDAP_ENABLED)"
    server = Server(settings.ldap_uri, get_info=NONE, connect_timeout=PATIENCE)
    with Connection(server, receive_timeout=PATIENCE, auto_bind=True, check_names=False) as connection:
        connection.search(settings.ldap_suffix, "(objectClass=*)", BASE, attributes=["annuaireEdition"])
        found = connection.response[0]["raw_attributes"].get("annuaireEdition") if connection.response else None
    edition = _value(settings, "SELECT edition FROM directory")
    if not found:
        return False, "the tree is empty: run annuaire ldap rebuild, or start the worker"
    held = int(found[0])
    return (True if held == edition else None), f"holds edition {held} of {edition}"


def _value(settings: Settings, statement: str) -> Any:
    with connect(settings) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else None

"""`annuaire key …`: issue, renew, list and revoke API keys."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from app.access.audit import append, by_command
from app.access.keys import (
    LONGEST,
    KeyAlreadyRenewed,
    KeyNotInForce,
    KeyUnknown,
    Listed,
    every_key,
    issue,
    one_key,
    renew,
    revoke,
)
from app.access.peppers import PepperMissing
from app.console import Refused, emit
from app.db import connect
from app.embedded.attach import settings_for

app = typer.Typer(no_args_is_help=True, help="API keys.")


class ScopeName(StrEnum):
    """The scopes of `app.access.caller.Scope`, as a choice of the command line."""

    READ = "read"
    PUBLISH = "publish"
    ADMIN = "admin"
    AUDIT = "audit"


DataDir = Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON value on stdout, logs on stderr.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="The id, as key list shows it.")]
ExpiresIn = Annotated[int, typer.Option(min=1, max=LONGEST.days, metavar="DAYS", help="It ends after so many days.")]


@app.callback()
def keys() -> None:
    """API keys."""


@app.command(name="issue", epilog="Example: annuaire key issue --name 'nightly copy' --scope read --data-dir var")
def issue_key(
    name: Annotated[str, typer.Option(help="What or who uses it.")],
    scope: Annotated[list[ScopeName], typer.Option(help="Repeatable; publish and admin also read.")],
    operator: Annotated[str | None, typer.Option(help="Id of the operator it acts for.")] = None,
    expires_in: ExpiresIn = LONGEST.days,
    budget: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="It sees at most N new persons a day; without, as many as it likes."),
    ] = None,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Make a key. It is shown once and cannot be read again."""
    settings = settings_for(data_dir)
    scopes = [chosen.value for chosen in scope]
    try:
        with connect(settings) as connection:
            identifier, key = issue(
                connection,
                settings.key_pepper,
                name,
                scopes,
                operator,
                expires_in=timedelta(days=expires_in),
                budget=budget,
            )
            _note(connection, "key.issued", identifier)
    except PepperMissing as missing:
        raise Refused(str(missing), "setting.missing") from missing
    except psycopg.errors.ForeignKeyViolation as unknown:
        raise Refused(f"there is no operator {operator!r}: see annuaire operator list", "operator.unknown") from unknown
    emit({"id": identifier, "key": key}, as_json=as_json, text=f"{key}\n(id {identifier}; it is shown this once)")


@app.command(name="renew", epilog="Example: annuaire key renew abcdefghij --overlap 30")
def renew_key(
    identifier: KeyId,
    overlap: Annotated[
        int, typer.Option(min=0, max=LONGEST.days, metavar="DAYS", help="The old key ends after so many days.")
    ] = 30,
    expires_in: ExpiresIn = LONGEST.days,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Make a new key with the rights of an old one; both work until the old one ends."""
    settings = settings_for(data_dir)
    try:
        with connect(settings) as connection:
            before = one_key(connection, identifier)
            new, key = renew(
                connection,
                settings.key_pepper,
                identifier,
                overlap=timedelta(days=overlap),
                expires_in=timedelta(days=expires_in),
            )
            _note(connection, "key.renewed", identifier, before, f"by {new}")
            old = one_key(connection, identifier)
    except PepperMissing as missing:
        raise Refused(str(missing), "setting.missing") from missing
    except KeyUnknown as unknown:
        raise _unknown(identifier) from unknown
    except KeyNotInForce as over:
        raise Refused(f"key {identifier} was revoked or has expired: issue a new one", "key.not_in_force") from over
    except KeyAlreadyRenewed as renewed:
        raise Refused(
            f"key {identifier} was renewed by {renewed}, which is in force: renew that one, or revoke it first",
            "key.already_renewed",
        ) from renewed
    ends = old.expires_at if old else None
    text = f"{key}\n(id {new}; it is shown this once. {identifier} ends on {ends:%c})"
    emit({"id": new, "key": key, "replaces": identifier, "replaced_ends_at": ends}, as_json=as_json, text=text)


@app.command(name="list", epilog="Example: annuaire key list --json")
def list_keys(data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """Every key that was issued, without its secret."""
    with connect(settings_for(data_dir)) as connection:
        listed = every_key(connection)
    now = datetime.now(UTC)
    lines = [
        f"{key.id}  {key.state(now):<8}  until {key.expires_at:%Y-%m-%d}  {','.join(key.scopes):<20}  {key.name}"
        for key in listed
    ]
    objects = [{**key._asdict(), "state": key.state(now)} for key in listed]
    emit(objects, as_json=as_json, text="\n".join(lines) or "no keys")


@app.command(name="revoke", epilog="Example: annuaire key revoke abcdefghij")
def revoke_key(
    identifier: KeyId,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Stop a key at once and for good."""
    with connect(settings_for(data_dir)) as connection:
        before = one_key(connection, identifier)
        if before is None:
            raise _unknown(identifier)
        since = revoke(connection, identifier)
        if before.revoked_at is None:
            _note(connection, "key.revoked", identifier, before)
    emit({"id": identifier, "revoked_at": since}, as_json=as_json, text=f"{identifier} is revoked since {since:%c}")


def _note(
    connection: psycopg.Connection[Any], action: str, identifier: str, before: Listed | None = None, detail: str = ""
) -> None:
    """Write the act into the audit trail: the last statement before the commit."""
    after = one_key(connection, identifier)
    act = by_command(
        action,
        "key",
        identifier,
        operator=after.operator if after else None,
        before=before.audited() if before else None,
        after=after.audited() if after else None,
        detail=detail,
    )
    append(connection, act)


def _unknown(identifier: str) -> Refused:
    return Refused(f"there is no key {identifier!r}: see annuaire key list", "key.unknown")

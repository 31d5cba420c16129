"""`annuaire key …`: issue, list and revoke API keys."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from app.access.keys import PepperMissing, every_key, issue, revoke
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


@app.callback()
def keys() -> None:
    """API keys."""


@app.command(name="issue", epilog="Example: annuaire key issue --name 'nightly copy' --scope read --data-dir var")
def issue_key(
    name: Annotated[str, typer.Option(help="What or who uses it.")],
    scope: Annotated[list[ScopeName], typer.Option(help="Repeatable; publish and admin also read.")],
    operator: Annotated[str | None, typer.Option(help="Id of the operator it acts for.")] = None,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Make a key. It is shown once and cannot be read again."""
    settings = settings_for(data_dir)
    try:
        with connect(settings) as connection:
            identifier, key = issue(connection, settings.key_pepper, name, [chosen.value for chosen in scope], operator)
    except PepperMissing as missing:
        raise Refused(str(missing), "setting.missing") from missing
    except psycopg.errors.ForeignKeyViolation as unknown:
        raise Refused(f"there is no operator {operator!r}: see annuaire operator list", "operator.unknown") from unknown
    emit({"id": identifier, "key": key}, as_json=as_json, text=f"{key}\n(id {identifier}; it is shown this once)")


@app.command(name="list", epilog="Example: annuaire key list --json")
def list_keys(data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """Every key that was issued, without its secret."""
    with connect(settings_for(data_dir)) as connection:
        listed = every_key(connection)
    lines = [
        f"{key.id}  {'revoked' if key.revoked_at else 'in force':<8}  {','.join(key.scopes):<20}  {key.name}"
        for key in listed
    ]
    emit([key._asdict() for key in listed], as_json=as_json, text="\n".join(lines) or "no keys")


@app.command(name="revoke", epilog="Example: annuaire key revoke abcdefghij")
def revoke_key(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="The id, as key list shows it.")],
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Stop a key at once and for good."""
    with connect(settings_for(data_dir)) as connection:
        since = revoke(connection, identifier)
    if since is None:
        raise Refused(f"there is no key {identifier!r}: see annuaire key list", "key.unknown")
    emit({"id": identifier, "revoked_at": since}, as_json=as_json, text=f"{identifier} is revoked since {since:%c}")

"""`annuaire client …`: register, list and revoke clients of OAuth 2 (private_key_jwt)."""

from pathlib import Path
from typing import Annotated

import psycopg
import typer

from app.access.audit import append, by_command
from app.access.client_jwk import ClientKey, JwkRefused, read
from app.access.clients import add, every_client, one_client, revoke
from app.access.commands import DataDir, Json, ScopeName
from app.console import Refused, emit
from app.db import connect
from app.embedded.attach import settings_for

app = typer.Typer(no_args_is_help=True, help="Clients of OAuth 2.")


@app.callback()
def clients() -> None:
    """Clients of OAuth 2: programs that prove themselves by a private key and get short-lived tokens."""


@app.command(name="add", epilog="Example: annuaire client add --operator 1990000010 --jwk key.pub.json --name mail")
def add_client(
    operator: Annotated[str, typer.Option(help="Id of the operator it acts for.")],
    jwk: Annotated[Path, typer.Option(metavar="FILE", help="Its public key as JWK: P-256, Ed25519, or RSA.")],
    name: Annotated[str, typer.Option(help="What or who it is.")] = "client",
    scope: Annotated[
        list[ScopeName] | None, typer.Option(help="Repeatable; without: publish, which also reads.")
    ] = None,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Register a client by its public key. The private key stays where it was made."""
    settings = settings_for(data_dir)
    scopes = [chosen.value for chosen in scope or [ScopeName.PUBLISH]]
    key = _key_in(jwk)
    try:
        with connect(settings) as connection:
            client = add(connection, name, operator, scopes, key)
            append(
                connection,
                by_command("client.added", "client", client.id, operator=operator, after=client.audited()),
            )
    except psycopg.errors.ForeignKeyViolation as unknown:
        raise Refused(f"there is no operator {operator!r}: see annuaire operator list", "operator.unknown") from unknown
    except psycopg.errors.UniqueViolation as known:
        raise Refused(f"a client has the key {key.kid!r} already: see annuaire client list", "client.known") from known
    answer = {"id": client.id, "kid": client.kid, "algorithm": client.algorithm}
    text = f"{client.id}  (kid {client.kid}, {client.algorithm}): iss and sub of its assertions; aud {settings.issuer}"
    emit(answer, as_json=as_json, text=text)


@app.command(name="list", epilog="Example: annuaire client list --json")
def list_clients(data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """Every client that was registered."""
    with connect(settings_for(data_dir)) as connection:
        listed = every_client(connection)
    lines = [
        f"{each.id}  {'revoked' if each.revoked_at else 'in force':<8}  {each.operator:<15}  "
        f"{','.join(each.scopes):<20}  {each.algorithm}  {each.name}"
        for each in listed
    ]
    emit([each._asdict() for each in listed], as_json=as_json, text="\n".join(lines) or "no clients")


@app.command(name="revoke", epilog="Example: annuaire client revoke abcdefghij")
def revoke_client(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="The id, as client list shows it.")],
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Stop a client and its tokens at once and for good."""
    with connect(settings_for(data_dir)) as connection:
        before = one_client(connection, identifier)
        if before is None:
            raise Refused(f"there is no client {identifier!r}: see annuaire client list", "client.unknown")
        since = revoke(connection, identifier)
        after = one_client(connection, identifier)
        if before.revoked_at is None and after is not None:
            act = by_command(
                "client.revoked",
                "client",
                identifier,
                operator=before.operator,
                before=before.audited(),
                after=after.audited(),
            )
            append(connection, act)
    emit({"id": identifier, "revoked_at": since}, as_json=as_json, text=f"{identifier} is revoked since {since:%c}")


def _key_in(file: Path) -> ClientKey:
    try:
        return read(file.read_text(encoding="utf-8"))
    except (JwkRefused, UnicodeDecodeError) as fault:
        raise Refused(f"{file} is not taken: {fault}", "client.key") from fault

"""`annuaire webhook …`: an administrator handles the webhooks of everybody."""

import getpass
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from psycopg.rows import dict_row

from app.access.audit import append
from app.access.peppers import PepperMissing, Peppers
from app.console import Refused, emit
from app.db import connect
from app.embedded.attach import settings_for
from app.push.subscriptions import ADD, DELETE, DELIVERIES, EVERY, MOST, ONE, REPLAY, TAKE_TURNS, Owner, act, made
from app.push.target import TargetInvalid, parse

webhook_app = typer.Typer(no_args_is_help=True, help="Webhooks: who is told when the directory moved.")

ANYBODY = Owner(anybody=True)
DataDir = Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON value on stdout, logs on stderr.")]
WebhookId = Annotated[str, typer.Argument(metavar="ID", help="The id, as webhook list shows it.")]


class KindName(StrEnum):
    """What changes can be of, as a choice of the command line."""

    MAILBOX = "mailbox"
    ORGANIZATION = "organization"
    PRACTITIONER = "practitioner"


@webhook_app.callback()
def webhooks() -> None:
    """Webhooks: who is told when the directory moved."""


@webhook_app.command(
    name="add", epilog="Example: annuaire webhook add https://bal.exemple.fr/annuaire --operator 1990000010"
)
def add_webhook(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to tell: https, port 443.")],
    operator: Annotated[str | None, typer.Option(help="Id of the operator that it belongs to.")] = None,
    key: Annotated[str | None, typer.Option(metavar="ID", help="Or id of the key that it belongs to.")] = None,
    kind: Annotated[list[KindName] | None, typer.Option(help="Changes of this alone. Repeatable.")] = None,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Tell a receiver from now on. The secret is shown once and cannot be read again."""
    if (operator is None) == (key is None):
        raise typer.BadParameter("name its owner: --operator, or --key")
    settings = settings_for(data_dir)
    try:
        parse(url, insecure=settings.webhook_insecure)
        pepper = Peppers.of(settings).current
    except TargetInvalid as error:
        raise Refused(f"nothing can be delivered to this URL: {error}", "webhook.url_invalid") from error
    except PepperMissing as missing:
        raise Refused(str(missing), "setting.missing") from missing
    values, secret = made(Owner(operator, key), pepper, url, [each.value for each in kind or ()])
    try:
        with connect(settings) as connection:
            connection.execute(TAKE_TURNS.encode(), values)
            row = _written(connection, "webhook.created", ADD, values)
    except psycopg.errors.ForeignKeyViolation as unknown:
        code = "operator.unknown" if operator else "key.unknown"
        raise Refused(f"there is no such owner: {operator or key}", code) from unknown
    if row is None:
        raise Refused(f"one owner has at most {MOST} webhooks: remove one first", "webhook.too_many")
    text = f"{secret}\n(id {row['id']}; it is shown this once)"
    emit({**row, "secret": secret}, as_json=as_json, text=text)


@webhook_app.command(name="list", epilog="Example: annuaire webhook list --json")
def list_webhooks(data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """Every webhook, and how far each was told."""
    with connect(settings_for(data_dir)) as connection:
        found = _rows(connection, EVERY, {})
    emit(found, as_json=as_json, text="\n".join(map(_line, found)) or "no webhook")


@webhook_app.command(epilog="Example: annuaire webhook show k3l5m7n2p4")
def show(identifier: WebhookId, data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """One webhook with its last deliveries, newest first."""
    with connect(settings_for(data_dir)) as connection:
        found = _rows(connection, ONE, ANYBODY.having(id=identifier))
        if not found:
            raise _unknown(identifier)
        deliveries = _rows(connection, DELIVERIES, {"id": identifier})
    lines = [
        f"  {each['at']:%Y-%m-%d %H:%M:%S}  {each['after']}-{each['edition']}  {each['attempt']:>2}"
        f"  {each['outcome']:<11}  {each['status'] or '-'}  {each['ms']} ms  {each['detail']}"
        for each in deliveries
    ]
    emit({**found[0], "deliveries": deliveries}, as_json=as_json, text="\n".join([_line(found[0]), *lines]))


@webhook_app.command(epilog="Example: annuaire webhook replay k3l5m7n2p4 --after 4800")
def replay(
    identifier: WebhookId,
    after: Annotated[
        int | None, typer.Option(min=0, metavar="EDITION", help="Without: what its last letter told of.")
    ] = None,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Tell it again of what came after an edition; one that was disabled is active again."""
    with connect(settings_for(data_dir)) as connection:
        row = _written(connection, "webhook.replayed", REPLAY, ANYBODY.having(id=identifier, edition=after))
    if row is None:
        raise _unknown(identifier)
    emit(row, as_json=as_json, text=_line(row))


@webhook_app.command(epilog="Example: annuaire webhook remove k3l5m7n2p4")
def remove(identifier: WebhookId, data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """Tell it no more, and forget its deliveries."""
    with connect(settings_for(data_dir)) as connection:
        row = _written(connection, "webhook.deleted", DELETE, ANYBODY.having(id=identifier))
    if row is None:
        raise _unknown(identifier)
    emit(row, as_json=as_json, text=f"{identifier} is told no more")


def _rows(connection: psycopg.Connection[Any], statement: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement.encode(), values).fetchall()


def _written(
    connection: psycopg.Connection[Any], action: str, statement: str, values: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The row that was written, with the act in the audit trail; None when there was none."""
    row = next(iter(_rows(connection, statement, values)), None)
    if row is not None:
        account = getpass.getuser()
        append(connection, act(row, action, f"account {account}", f"account:{account}"))
    return row


def _line(row: Mapping[str, Any]) -> str:
    owner = row["operator"] or f"key {row['api_key']}"
    why = f"  ({row['disabled_why']})" if row["disabled_why"] else ""
    return f"{row['id']}  {row['state']:<8}  told to {row['edition']}  {owner}  {row['url']}{why}"


def _unknown(identifier: str) -> Refused:
    return Refused(f"there is no webhook {identifier!r}: see annuaire webhook list", "webhook.unknown")

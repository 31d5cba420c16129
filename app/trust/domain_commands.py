"""`annuaire domain …`: the domains of the trust space, those of the white list and those an administrator gives."""

from pathlib import Path
from typing import Annotated

import typer

from app.access.distinguished_name import InvalidDistinguishedName, canonical
from app.console import Refused, emit
from app.db import connect
from app.embedded.attach import settings_for
from app.publication.drain import drain_all
from app.trust import domains, queries

domain_app = typer.Typer(no_args_is_help=True, help="Domains of the trust space.")

DataDir = Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON value on stdout.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The part of addresses after the @.")]


@domain_app.callback()
def domain_group() -> None:
    """Domains of the trust space: those of the white list, and those that an administrator gives."""


@domain_app.command(name="list", epilog="Example: annuaire domain list --data-dir var")
def list_domains(data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """Every listed domain with its operators."""
    with connect(settings_for(data_dir)) as connection:
        found = queries.domains(connection)
    text = "\n".join(f"{each['name']:<55} {' '.join(each['operators'])}" for each in found)
    emit(found, as_json=as_json, text=text or "no domain yet: import a white list, or see annuaire domain add")


@domain_app.command(epilog="Example: annuaire domain add reseau.mssante.fr --operator 318310021300028 --data-dir var")
def add(
    name: Name,
    operator: Annotated[str, typer.Option(metavar="ID", help="Whose it shall be.")],
    certificate: Annotated[
        str | None, typer.Option(metavar="DN", help="Which certificate, where the operator has several.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="Shown in the white list.")] = None,
    data_dir: DataDir = None,
    *,
    shared: Annotated[bool, typer.Option("--shared", help="Other operators have it too, and keep it.")] = False,
    as_json: Json = False,
) -> None:
    """Bind a domain to an operator's certificate: from now on it may publish there."""
    settings = settings_for(data_dir)
    with connect(settings) as connection:
        row = domains.add(
            connection,
            settings.mailbox_domains,
            name,
            operator,
            certificate=_canonical(certificate),
            description=description,
            is_shared=shared,
        )
        faults = queries.faults(connection, operator)
    drain_all(settings)
    said = f"{row['name']} is bound to {row['certificate']}"
    waits = "".join(f"\nnot yet: {fault['detail']}" for fault in faults)
    emit({**row, "operator": operator, "faults": faults}, as_json=as_json, text=said + waits)


@domain_app.command(epilog="Example: annuaire domain remove reseau.mssante.fr --reason 'contract ended' --data-dir var")
def remove(
    name: Name,
    operator: Annotated[str | None, typer.Option(metavar="ID", help="From this operator alone.")] = None,
    reason: Annotated[str, typer.Option(help="Kept in the audit trail.")] = "",
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Take a domain away: writes stop at once, and its mailboxes leave the publication."""
    settings = settings_for(data_dir)
    with connect(settings) as connection:
        pairs = domains.remove(connection, name, operator, reason)
    edition = drain_all(settings)
    taken = [{"name": pair["name"], "operator": pair["operator"], "certificate": pair["certificate"]} for pair in pairs]
    text = "\n".join(f"{each['name']} is no domain of {each['operator']} any more" for each in taken)
    emit({"removed": taken, "edition": edition}, as_json=as_json, text=text)


def _canonical(certificate: str | None) -> str | None:
    try:
        return certificate and canonical(certificate)
    except InvalidDistinguishedName as error:
        raise Refused(f"no distinguished name: {error}", "certificate.form") from error

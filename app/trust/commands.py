"""`annuaire operator …` and `annuaire domain …`: the trust space as the white list fills it."""

from pathlib import Path
from typing import Annotated

import typer

from app.console import Refused, emit
from app.db import connect
from app.embedded.attach import settings_for
from app.trust import queries

operator_app = typer.Typer(no_args_is_help=True, help="Operators of secure mail.")
domain_app = typer.Typer(no_args_is_help=True, help="Domains of the trust space.")

DataDir = Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON value on stdout.")]


@operator_app.callback()
def operator_group() -> None:
    """Operators of secure mail: those of the white list."""


@operator_app.command(name="list", epilog="Example: annuaire operator list --json --data-dir var")
def list_operators(data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """Every operator: id, name, state, certificates, domains."""
    with connect(settings_for(data_dir)) as connection:
        found = queries.operators(connection)
    text = "\n".join(
        f"{each['id']:<20} {each['state']:<10} {len(each['domains']):>5} domains  {each['name']}" for each in found
    )
    emit(found, as_json=as_json, text=text or "no operator yet: import a white list")


@operator_app.command(epilog="Example: annuaire operator show 318310021300028 --data-dir var")
def show(
    operator_id: Annotated[str, typer.Argument(metavar="ID", help="As `operator list` gives it.")],
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """One operator with its certificates and domains."""
    with connect(settings_for(data_dir)) as connection:
        found = queries.operator(connection, operator_id)
    if found is None:
        raise Refused(f"there is no operator {operator_id}: see annuaire operator list", "operator.unknown")
    emit(found, as_json=as_json)


@domain_app.callback()
def domain_group() -> None:
    """Domains of the trust space: those of the white list."""


@domain_app.command(name="list", epilog="Example: annuaire domain list --data-dir var")
def list_domains(data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """Every listed domain with its operators."""
    with connect(settings_for(data_dir)) as connection:
        found = queries.domains(connection)
    text = "\n".join(f"{each['name']:<55} {' '.join(each['operators'])}" for each in found)
    emit(found, as_json=as_json, text=text or "no domain yet: import a white list")

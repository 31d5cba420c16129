"""`annuaire operator …`: operators of secure mail, those of the white list and those an administrator brings."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from app.console import Refused, emit
from app.db import connect
from app.embedded.attach import settings_for
from app.publication.drain import drain_all
from app.trust import certificates, conformity, operators, queries
from app.trust.conformity import Recorded
from app.trust.models import ConformityKind

operator_app = typer.Typer(no_args_is_help=True, help="Operators of secure mail.")

DataDir = Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON value on stdout.")]
OperatorId = Annotated[str, typer.Argument(metavar="ID", help="As `operator list` gives it.")]
Reason = Annotated[str, typer.Option(help="Told to the operator, and kept in the audit trail.")]
Day = typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="The day counts wholly, in the legal time of France.")


@operator_app.callback()
def operator_group() -> None:
    """Operators of secure mail: those of the white list, and those that an administrator brings."""


@operator_app.command(name="list", epilog="Example: annuaire operator list --json --data-dir var")
def list_operators(data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """Every operator: id, name, state, certificates, domains."""
    with connect(settings_for(data_dir)) as connection:
        found = queries.operators(connection)
    text = "\n".join(
        f"{each['id']:<20} {each['state']:<10} {len(each['domains']):>5} domains  {each['name']}" for each in found
    )
    emit(found, as_json=as_json, text=text or "no operator yet: import a white list, or see annuaire operator add")


@operator_app.command(epilog="Example: annuaire operator show 318310021300028 --data-dir var")
def show(operator_id: OperatorId, data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """One operator with its certificates, its domains and its conformity file, and what is missing."""
    with connect(settings_for(data_dir)) as connection:
        found = queries.operator(connection, operator_id)
    if found is None:
        raise Refused(f"there is no operator {operator_id}: see annuaire operator list", "operator.unknown")
    emit(found, as_json=as_json, text=_readable(found))


@operator_app.command(epilog="Example: annuaire operator add 318310021300028 --name 'RÉSEAU EXEMPLE' --data-dir var")
def add(
    operator_id: Annotated[
        str, typer.Argument(metavar="ID", help="1 + FINESS or 3 + SIRET, as the OU of its certificate has it.")
    ],
    name: Annotated[str, typer.Option(help="As people know it.")],
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Add a candidate: it may publish when its conformity file is complete."""
    with connect(settings_for(data_dir)) as connection:
        row = operators.add(connection, operator_id, name)
        found = queries.operator(connection, row["id"]) or {}
    text = f"operator {row['id']} is a candidate; missing: {', '.join(found['missing'])}"
    emit(found, as_json=as_json, text=text)


@operator_app.command(
    name="conformity",
    epilog="Example: annuaire operator conformity ID --kind hosting --reference H --from 2026-01-01 --until 2028-12-31",
)
def record(
    operator_id: OperatorId,
    kind: Annotated[ConformityKind, typer.Option(help="Which piece of the file.")],
    reference: Annotated[str, typer.Option(help="Number or place of the document.")],
    starts: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], metavar="DATE", help="Its first day.")],
    until: Annotated[datetime, Day],
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Record a document of the conformity file; the last missing piece makes a candidate active."""
    with connect(settings_for(data_dir)) as connection:
        recorded = conformity.record(connection, operator_id, kind, reference, starts.date(), until.date())
    _show_recorded(operator_id, recorded, f"{kind} {reference} is in the file until {until:%Y-%m-%d}", as_json=as_json)


@operator_app.command(name="except", epilog="Example: annuaire operator except ID --reason … --until 2026-12-31")
def grant(
    operator_id: OperatorId,
    reason: Reason,
    until: Annotated[datetime, Day],
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Let an operator publish until a day though its conformity file is not complete."""
    with connect(settings_for(data_dir)) as connection:
        recorded = conformity.grant(connection, operator_id, reason, until.date())
    _show_recorded(operator_id, recorded, f"excepted until {until:%Y-%m-%d}", as_json=as_json)


@operator_app.command(epilog="Example: annuaire operator certificate 318310021300028 --pem server.pem --data-dir var")
def certificate(
    operator_id: OperatorId,
    dn: Annotated[str | None, typer.Option(help="Its distinguished name, in any usual spelling.")] = None,
    pem: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The certificate: its end is then known too.")
    ] = None,
    data_dir: DataDir = None,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Take it from the operator instead.")] = False,
    as_json: Json = False,
) -> None:
    """Give an operator a certificate, by which it is known and to which its domains are bound."""
    if (dn is None) == (pem is None):
        raise typer.BadParameter("name the certificate by --dn or by --pem, one of them")
    named = certificates.from_file(pem) if pem else certificates.from_text(dn or "")
    with connect(settings_for(data_dir)) as connection:
        if remove:
            certificates.remove(connection, operator_id, named)
        else:
            certificates.register(connection, operator_id, named)
    strange = [unit for unit in named.units if unit != operator_id]
    note = f"\nnote: its OU names {', '.join(strange)}; a white list would give it to that operator" if strange else ""
    said = f"{named.dn} is {'no certificate' if remove else 'a certificate'} of operator {operator_id}"
    found = {
        "operator": operator_id,
        "dn": named.dn,
        "expires_at": named.expires_at,
        "removed": remove,
        "units": named.units,
    }
    emit(found, as_json=as_json, text=said + note)


@operator_app.command(epilog="Example: annuaire operator suspend 318310021300028 --reason 'audit' --data-dir var")
def suspend(operator_id: OperatorId, reason: Reason, data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """Stop an operator's writes at once; what it published stays."""
    with connect(settings_for(data_dir)) as connection:
        row = operators.suspend(connection, operator_id, reason)
    emit(row, as_json=as_json, text=f"operator {operator_id} is suspended")


@operator_app.command(epilog="Example: annuaire operator resume 318310021300028 --reason 'audit passed' --data-dir var")
def resume(operator_id: OperatorId, reason: Reason, data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """Take an operator back after a suspension, or after it left."""
    settings = settings_for(data_dir)
    with connect(settings) as connection:
        row = operators.resume(connection, operator_id, reason)
    drain_all(settings)
    emit(row, as_json=as_json, text=f"operator {operator_id} is {row['state']}")


@operator_app.command(
    epilog="Example: annuaire operator leave 318310021300028 --reason 'contract ended' --data-dir var"
)
def leave(operator_id: OperatorId, reason: Reason, data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """An operator leaves the trust space: its writes stop, and its mailboxes leave the publication."""
    settings = settings_for(data_dir)
    with connect(settings) as connection:
        row = operators.leave(connection, operator_id, reason)
    edition = drain_all(settings)
    emit({**row, "edition": edition}, as_json=as_json, text=f"operator {operator_id} left; edition {edition}")


def _show_recorded(operator_id: str, recorded: Recorded, said: str, *, as_json: bool) -> None:
    lines = [said]
    if recorded.is_admitted:
        lines.append(f"the file is complete: operator {operator_id} is active now")
    lines += [f"still: {fault['detail']}" for fault in recorded.faults]
    found = {
        "operator": operator_id,
        "admitted": recorded.is_admitted,
        "state": recorded.state,
        "faults": recorded.faults,
    }
    emit(found, as_json=as_json, text="\n".join(lines))


def _readable(found: dict[str, Any]) -> str:
    reason = f": {found['state_reason']}" if found["state_reason"] else ""
    rows = [("state", f"{found['state']} since {found['state_since']:%Y-%m-%d}{reason}")]
    rows += [(piece["kind"], _piece(piece)) for piece in found["conformity"]]
    rows += [("excepted", f"until {each['expires_on']}: {each['reason']}") for each in found["exceptions"]]
    rows += [("waived", "the imported white list names it")] if found["waiver"] == "white list" else []
    rows += [("certificate", each) for each in found["certificates"]]
    rows += [("domain", each) for each in found["domains"]]
    rows += [("missing", ", ".join(found["missing"]))] if found["missing"] else []
    rows += [("fault", f"{each['code']}: {each['detail']}") for each in found["faults"]]
    return "\n".join([f"{found['id']}  {found['name']}", *(f"  {name:<12} {value}" for name, value in rows)])


def _piece(piece: dict[str, Any]) -> str:
    if piece["reference"] is None:
        return "missing"
    return f"{piece['state'].replace('_', ' ')}: {piece['reference']}, {piece['starts_on']} to {piece['expires_on']}"

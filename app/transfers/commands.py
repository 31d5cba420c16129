"""`annuaire transfer …`: an administrator proposes and decides on behalf of one of the two operators."""

import getpass
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from app.access.audit import append
from app.console import Refused, emit
from app.db import connect
from app.embedded.attach import settings_for
from app.paging import LARGEST_LIMIT
from app.transfers.proposal import ACTIONS, ProposalInvalid, Verb, Who, act, address, proposal
from app.transfers.statements import DECIDE, LISTED, PROPOSE

app = typer.Typer(no_args_is_help=True, help="A mailbox or a domain moves to another operator.")

NEWEST = 2_147_483_647
DataDir = Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON value on stdout, logs on stderr.")]
Number = Annotated[int, typer.Argument(min=1, max=NEWEST, metavar="ID", help="As transfer list gives it.")]
Side = Annotated[str, typer.Option("--as", metavar="OPERATOR", help="Id of the operator on whose behalf.")]


@app.callback()
def transfer() -> None:
    """A mailbox or a domain moves to another operator."""


@app.command(
    epilog="Example: annuaire transfer propose --domain ch-exemple.mssante.fr --from 1990000010 --to 1990000028"
    " --as 1990000010 --at 2027-01-01T00:00:00+01:00"
)
def propose(
    giver: Annotated[str, typer.Option("--from", metavar="OPERATOR", help="Id of the operator that gives.")],
    receiver: Annotated[str, typer.Option("--to", metavar="OPERATOR", help="Id of the operator that receives.")],
    side: Side,
    at: Annotated[str, typer.Option(help="When it happens: ISO 8601 with its time zone.")],
    mailbox: Annotated[str | None, typer.Option(help="Address of the mailbox that moves.")] = None,
    domain: Annotated[str | None, typer.Option(help="Name of the domain that moves, with its mailboxes.")] = None,
    new_address: Annotated[str | None, typer.Option(help="Its address from then on, as its receiver.")] = None,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Propose a transfer. The other side must agree before its hour, or nothing happens."""
    if side not in {giver, receiver}:
        raise typer.BadParameter("--as names one of the two operators")
    try:
        asked = proposal(
            mailbox=mailbox,
            domain=domain,
            from_operator=giver,
            to_operator=receiver,
            proposed_by=side,
            effective_at=datetime.fromisoformat(at),
            new_address=new_address,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    _carry_out(data_dir, side, "transfer.proposed", PROPOSE, {"given": asked.as_json()}, as_json=as_json)


@app.command(epilog="Example: annuaire transfer agree 12 --as 1990000028")
def agree(
    number: Number,
    side: Side,
    new_address: Annotated[str | None, typer.Option(help="Its address from then on, as its receiver.")] = None,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Agree to what the other side proposed."""
    try:
        named = None if new_address is None else address("--new-address", new_address)
    except ProposalInvalid as error:
        raise typer.BadParameter(str(error)) from error
    _decide(data_dir, number, side, "agree", named, as_json=as_json)


@app.command(epilog="Example: annuaire transfer refuse 12 --as 1990000028")
def refuse(number: Number, side: Side, data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """Refuse what the other side proposed, also after having agreed, until its hour."""
    _decide(data_dir, number, side, "refuse", None, as_json=as_json)


@app.command(epilog="Example: annuaire transfer withdraw 12 --as 1990000010")
def withdraw(number: Number, side: Side, data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """Take back a proposal, until its hour."""
    _decide(data_dir, number, side, "withdraw", None, as_json=as_json)


@app.command(name="list", epilog="Example: annuaire transfer list --operator 1990000010 --state proposed")
def list_transfers(
    operator: Annotated[str | None, typer.Option(help="Only those from or to this operator.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    before: Annotated[int, typer.Option(help="Go on below this number.", show_default=False)] = NEWEST,
    limit: Annotated[int, typer.Option(min=1, max=LARGEST_LIMIT)] = 50,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Transfers, newest first."""
    given = {"operator": operator, "scope": None, "state": state, "before": before, "rows": limit}
    with connect(settings_for(data_dir)) as connection:
        found = [json.loads(document) for (document,) in connection.execute(LISTED.encode(), given).fetchall()]
    emit(found, as_json=as_json, text="\n".join(map(_line, found)) or "no transfer")


def _decide(
    data_dir: Path | None, number: int, side: str, verb: Verb, new_address: str | None, *, as_json: bool
) -> None:
    given = {"id": number, "operator": side, "verb": verb, "new_address": new_address}
    _carry_out(data_dir, side, ACTIONS[verb], DECIDE, given, as_json=as_json)


def _carry_out(
    data_dir: Path | None, side: str, action: str, statement: str, given: Mapping[str, Any], *, as_json: bool
) -> None:
    account = getpass.getuser()
    who = Who(f"account {account}", f"account:{account}", side)
    with connect(settings_for(data_dir)) as connection:
        row = connection.execute(statement.encode(), {**given, "certificate": None}).fetchone()
        fault, reason, document, before, after = row or (
            "transfer.unknown",
            "there is no such transfer",
            "",
            None,
            None,
        )
        if fault is not None:
            raise Refused(reason, fault)
        if before != after:
            append(connection, act(who, action, document, before, after))
    said = json.loads(document)
    emit(said, as_json=as_json, text=_line(said))


def _line(said: Mapping[str, Any]) -> str:
    moved = said["key"] + (f" → {said['new_address']}" if said["new_address"] else "")
    return f"{said['id']:>6}  {said['state']:<9}  {said['effective_at']}  {said['from']} → {said['to']}  {moved}"

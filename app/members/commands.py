"""`annuaire mailbox …`: what an operator does with its mailboxes, over REST, from wherever it is."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from app.console import DIFFERENCES, DONE, Advance, Refused, emit, progress
from app.embedded.runfile import read_run
from app.members.credentials import Credentials, client_of, key_in
from app.members.directory import Directory
from app.members.matching import Matcher
from app.members.publication import Publication, Stopped
from app.members.reading import opened
from app.members.report import Report
from app.members.rest import Rest
from app.members.shelf import Shelf

mailbox_app = typer.Typer(no_args_is_help=True, help="An operator's mailboxes, over REST.")

MEMBERS = typer.Argument(
    metavar="FILE", exists=True, dir_okay=False, help="CSV, a member each line; line 1 names the columns."
)


def _file(text: str, metavar: str = "FILE") -> Any:
    return typer.Option(metavar=metavar, exists=True, dir_okay=False, help=text)


@mailbox_app.callback()
def mailboxes() -> None:
    """An operator's mailboxes, over REST: with its own credential, from wherever it is."""


@mailbox_app.command(
    epilog="Example: annuaire mailbox publish members.csv --url https://annuaire.example --key-file publish.key"
)
def publish(
    members: Annotated[Path, MEMBERS],
    url: Annotated[str | None, typer.Option(help="The annuaire: https://HOST.")] = None,
    key_file: Annotated[Path | None, _file("File with a key, as annuaire key issue prints it.")] = None,
    certificate: Annotated[Path | None, _file("Client certificate, then those above it.", "PEM")] = None,
    private_key: Annotated[Path | None, _file("Its key, if it is not in the same file.", "PEM")] = None,
    client: Annotated[str | None, typer.Option(metavar="ID", help="Id of a client of OAuth 2.")] = None,
    client_key: Annotated[Path | None, _file("Private key of the client, as JWK or PEM.")] = None,
    ca_file: Annotated[Path | None, _file("Authorities of the server, if not the system's.", "PEM")] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="LABEL", help="A column to pass over. Repeatable.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Report of every line.", show_default="FILE.report.csv")] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Lines that were left out.", show_default="FILE.rejects.csv")
    ] = None,
    portion: Annotated[int, typer.Option(min=1, max=1_000, help="Lines sent at once.")] = 1_000,
    data_dir: Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")] = None,
    *,
    match_names: Annotated[
        bool, typer.Option("--match-names", help="Without RPPS, take the one person whom name and place fit.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Match and compare, publish nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Publish the members of a file: matched by RPPS, told line by line; the same again changes nothing."""
    started = time.monotonic()
    file = opened(members, ignore or ())
    base = _base(url, data_dir)
    credentials = _credentials(base, key_file, certificate, private_key, client, client_key)
    told = Report(file, report or members.with_suffix(".report.csv"), rejects or members.with_suffix(".rejects.csv"))
    with Rest(base, credentials, ca_file) as rest:
        directory = Directory(rest)
        me, before = directory.me(), directory.edition()
        matcher = Matcher(directory, by_names=match_names, asks_all=dry_run)
        with Shelf() as shelf, told, progress(members.name, file.lines) as advance:
            run = Publication(directory, me, file, matcher, shelf, is_planned=dry_run, portion=portion)
            _carried_out(run, told, advance)
            absent = shelf.not_in_file()
        after = directory.edition()
    found = {
        "state": "planned" if dry_run else "published",
        "operator": me.operator,
        "lines": {"read": told.lines, "done": told.lines - told.rejected, "left_out": told.rejected},
        "codes": dict(sorted(told.codes.items())),
        "not_in_file": absent,
        "report": str(told.every),
        "rejects": str(told.left_out) if told.rejected else None,
        "edition": {"before": before, "after": after},
        "seconds": {**run.seconds, "all": round(time.monotonic() - started, 2)},
    }
    emit(found, as_json=as_json, text=_readable(found))
    raise typer.Exit(DIFFERENCES if told.rejected else DONE)


def _base(url: str | None, data_dir: Path | None) -> str:
    if (url is None) == (data_dir is None):
        raise typer.BadParameter("say which annuaire: --url, or --data-dir of a running annuaire up")
    return (url or read_run(data_dir or Path()).api).rstrip("/")


def _credentials(
    base: str,
    key_file: Path | None,
    certificate: Path | None,
    private_key: Path | None,
    client: str | None,
    client_key: Path | None,
) -> Credentials:
    """Raises BadParameter: none, two that exclude one another, or half of one."""
    if (client is None) != (client_key is None):
        raise typer.BadParameter("a client is its id and its key: --client and --client-key")
    if private_key and not certificate:
        raise typer.BadParameter("a private key goes with its certificate: --certificate")
    if key_file and client:
        raise typer.BadParameter("a key or a client, one of them")
    if not (key_file or client or certificate):
        raise typer.BadParameter("say who you are: --key-file, --certificate, or --client with --client-key")
    return Credentials(
        key=key_in(key_file) if key_file else None,
        client=client_of(client, client_key, base) if client and client_key else None,
        certificate=(certificate, private_key or certificate) if certificate else None,
    )


def _carried_out(run: Publication, told: Report, advance: Advance) -> None:
    try:
        run.run(told, advance)
    except Refused as refusal:
        done = sum(count for code, count in told.codes.items() if code.startswith("done."))
        if isinstance(refusal, Stopped) and not done:
            raise
        raise Refused(
            f"{refusal.message} ({done} lines were done, see {told.every}; the same command goes on from there)",
            refusal.code,
        ) from refusal


def _readable(found: dict[str, Any]) -> str:
    lines, edition = found["lines"], found["edition"]
    rows = [f"{found['state']}: {lines['done']} of {lines['read']} lines, {lines['left_out']} left out"]
    rows += [f"  {code:<32} {count:>7}" for code, count in found["codes"].items()]
    if found["not_in_file"]:
        rows.append(f"  {found['not_in_file']} mailboxes of these domains are not in the file: they stay as they are")
    rows.append(f"edition {edition['before']} → {edition['after']}; report: {found['report']}")
    if found["rejects"]:
        rows.append(f"correct and hand in again: {found['rejects']}")
    return "\n".join(rows)

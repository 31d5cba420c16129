"""`annuaire replica …`: a copy of the directory at an operator's, over REST alone; the model for one of their own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import Annotated, Any

import typer

from app.console import DIFFERENCES, DONE, Refused, emit, say
from app.embedded.runfile import read_run
from app.members.credentials import Credentials, key_in
from app.members.rest import Rest
from app.replica.copy import Copy
from app.replica.follower import Follower
from app.replica.following import Proofs, advance
from app.replica.ldif_copy import LdifCopy
from app.replica.postgres_copy import PostgresCopy
from app.replica.proof import Outcome, prove
from app.replica.source import Source
from app.replica.sqlite_copy import SqliteCopy

app = typer.Typer(no_args_is_help=True, help="A copy of the directory, kept and proved over REST.")


class Target(StrEnum):
    """Where a copy may stand."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"
    LDIF = "ldif"


def _file(text: str, metavar: str = "FILE") -> Any:
    return typer.Option(metavar=metavar, exists=True, dir_okay=False, help=text)


To = Annotated[Target, typer.Option(help="What holds the copy.")]
At = Annotated[str, typer.Option(metavar="FILE|URL", help="Its file, or the URL of the PostgreSQL database.")]
Url = Annotated[str | None, typer.Option(help="The annuaire: https://HOST.")]
KeyFile = Annotated[Path | None, _file("File with a key, as annuaire key issue prints it.")]
Certificate = Annotated[Path | None, _file("Client certificate and those above it.", "PEM")]
PrivateKey = Annotated[Path | None, _file("Its key, if it is not in the same file.", "PEM")]
CaFile = Annotated[Path | None, _file("Authorities of the server, if not the system's.", "PEM")]
Keys = Annotated[
    Path | None, _file("Keys that checkpoints must be signed with, not those that the annuaire shows.", "JWKS")
]
Suffix = Annotated[str, typer.Option(metavar="DN", help="Suffix of the LDIF.")]
DataDir = Annotated[Path | None, typer.Option(help="Follow the running annuaire up of this directory.")]
Unsigned = Annotated[bool, typer.Option("--unsigned", help="Take the word of an annuaire that signs nothing.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.callback()
def replica() -> None:
    """A copy of the directory at an operator's: followed, proved, repaired. Over REST, with a key that reads."""


@app.command(
    epilog="Example: annuaire replica follow --to sqlite --at copy.db --url https://annuaire.example --key-file KEY"
)
def follow(
    to: To,
    at: At,
    url: Url = None,
    key_file: KeyFile = None,
    certificate: Certificate = None,
    private_key: PrivateKey = None,
    ca_file: CaFile = None,
    keys: Keys = None,
    suffix: Suffix = "dc=mssante,dc=fr",
    data_dir: DataDir = None,
    prove_minutes: Annotated[int, typer.Option(min=1, help="How often the copy is proved, and repaired.")] = 60,
    write_seconds: Annotated[int, typer.Option(min=1, help="How soon an LDIF that changed is written anew.")] = 60,
    *,
    once: Annotated[bool, typer.Option("--once", help="Catch up, prove, and end.")] = False,
    unsigned: Unsigned = False,
    as_json: Json = False,
) -> None:
    """Keep a copy up to date until stopped: it may be killed at any moment, and goes on where it was."""
    credentials = _credentials(key_file, certificate, private_key)
    with (
        Rest(_base(url, data_dir), credentials, ca_file) as rest,
        _opened(to, at, suffix) as copy,
    ):
        follower = Follower(Source(rest, keys=_keys_in(keys), unsigned=unsigned), copy)
        outcome = prove(follower, repairs=True)
        if once:
            emit(_told(outcome, follower), as_json=as_json, text=_sentence(outcome))
            raise typer.Exit(DIFFERENCES if outcome.wrong else DONE)
        say(f"annuaire: {_sentence(outcome)}")
        _follow(follower, Proofs(prove_minutes * 60.0, write_seconds if to is Target.LDIF else inf))


@app.command(
    epilog="Example: annuaire replica verify --to sqlite --at copy.db --url https://annuaire.example --key-file KEY"
)
def verify(
    to: To,
    at: At,
    url: Url = None,
    key_file: KeyFile = None,
    certificate: Certificate = None,
    private_key: PrivateKey = None,
    ca_file: CaFile = None,
    keys: Keys = None,
    suffix: Suffix = "dc=mssante,dc=fr",
    data_dir: DataDir = None,
    *,
    repair: Annotated[bool, typer.Option("--repair", help="Make right what is wrong.")] = False,
    unsigned: Unsigned = False,
    as_json: Json = False,
) -> None:
    """Bring a copy up to date and prove every document of it. Exit 1 when something was wrong: it is named."""
    credentials = _credentials(key_file, certificate, private_key)
    with (
        Rest(_base(url, data_dir), credentials, ca_file) as rest,
        _opened(to, at, suffix) as copy,
    ):
        follower = Follower(Source(rest, keys=_keys_in(keys), unsigned=unsigned), copy)
        outcome = prove(follower, repairs=repair)
        emit(_told(outcome, follower), as_json=as_json, text=_sentence(outcome))
    raise typer.Exit(DIFFERENCES if outcome.wrong else DONE)


def _follow(follower: Follower, proofs: Proofs) -> None:
    while True:
        outcome = advance(follower, proofs)
        if outcome is not None:
            say(f"annuaire: {_sentence(outcome)}")


def _told(outcome: Outcome, follower: Follower) -> dict[str, Any]:
    checkpoint = outcome.checkpoint
    return {
        "edition": checkpoint.edition,
        "epoch": checkpoint.epoch,
        "root": checkpoint.root,
        "checkpoint": checkpoint.token,
        "equal": outcome.is_equal,
        "wrong": [{"kind": kind, "key": key} for kind, key in outcome.wrong],
        "begun_anew": outcome.begun_anew,
        "calls": follower.source.calls,
    }


def _sentence(outcome: Outcome) -> str:
    edition, _, root, token = outcome.checkpoint
    vouched = "signed" if token else "not signed"
    state = f"equal to the directory at edition {edition}, root {root} ({vouched})"
    if not outcome.wrong:
        return f"{'begun anew, ' if outcome.begun_anew else ''}{state}"
    names = "\n".join(f"  {kind}/{key}" for kind, key in outcome.wrong)
    said = f"repaired, {state}" if outcome.is_equal else f"not the directory at edition {edition}"
    return f"{said}; wrong were:\n{names}" if outcome.is_equal else f"{said}; wrong are:\n{names}"


@contextmanager
def _opened(to: Target, at: str, suffix: str) -> Iterator[Copy]:
    match to:
        case Target.POSTGRES:
            with PostgresCopy(at) as database:
                yield database
        case Target.SQLITE:
            with SqliteCopy(Path(at)) as file:
                yield file
        case Target.LDIF:
            with LdifCopy(Path(at), suffix) as ldif:
                yield ldif


def _base(url: str | None, data_dir: Path | None) -> str:
    if (url is None) == (data_dir is None):
        raise typer.BadParameter("say which annuaire: --url, or --data-dir of a running annuaire up")
    return (url or read_run(data_dir or Path()).api).rstrip("/")


def _credentials(key_file: Path | None, certificate: Path | None, private_key: Path | None) -> Credentials:
    if private_key and not certificate:
        raise typer.BadParameter("a private key goes with its certificate: --certificate")
    if not (key_file or certificate):
        raise typer.BadParameter("say who you are: --key-file or --certificate")
    return Credentials(
        key=key_in(key_file) if key_file else None,
        certificate=(certificate, private_key or certificate) if certificate else None,
    )


def _keys_in(path: Path | None) -> dict[str, Any] | None:
    """Raises Refused: it is no set of keys."""
    if path is None:
        return None
    try:
        keys = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Refused(f"{path} is no JSON: {error}", "replica.keys") from error
    if not isinstance(keys, dict) or not isinstance(keys.get("keys"), list):
        raise Refused(f"{path} is no JWK Set, as /.well-known/annuaire-keys.json gives it", "replica.keys")
    return keys

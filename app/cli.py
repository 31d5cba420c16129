"""The command root: `annuaire …`. Wiring only; each group of commands lives with its feature."""

import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from app import db, logs, tracing
from app.access.audit_commands import app as audit_app
from app.access.client_commands import app as client_app
from app.access.commands import app as key_app
from app.access.peppers import PepperMissing, Peppers
from app.console import DIFFERENCES, DONE, INTERRUPTED, REFUSED, USAGE, Refused, emit, one_line, refuse, say
from app.doctor import Finding, examine
from app.embedded.attach import settings_for
from app.embedded.bring_up import Options
from app.embedded.ports import LOOPBACK, require_free
from app.embedded.up import up as run_up
from app.grants import grant
from app.imports.commands import app as import_app
from app.imports.snapshot_command import import_folder
from app.ldap.commands import app as ldap_app
from app.members.commands import mailbox_app
from app.notices.commands import app as notice_app
from app.publication.commands import digest
from app.publication.snapshot_commands import snapshot_app
from app.push.commands import webhook_app
from app.replica.commands import app as replica_app
from app.sandbox.commands import app as sandbox_app
from app.schema import outlook
from app.schema.program import VERSION
from app.schema.standing import scripts
from app.subjects.commands import app as person_app
from app.transfers.commands import app as transfer_app
from app.trust.domain_commands import domain_app
from app.trust.operator_commands import operator_app

# What typer makes of a KeyboardInterrupt.
TYPER_INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
db_app = typer.Typer(no_args_is_help=True, help="The schema of the database.")
app.add_typer(db_app, name="db")
app.command(epilog="Example: annuaire digest --json --data-dir var")(digest)
app.add_typer(import_app, name="import")
app.add_typer(audit_app, name="audit")
app.add_typer(key_app, name="key")
app.add_typer(client_app, name="client")
app.add_typer(operator_app, name="operator")
app.add_typer(domain_app, name="domain")
app.add_typer(mailbox_app, name="mailbox")
app.add_typer(ldap_app, name="ldap")
app.add_typer(notice_app, name="notice")
app.add_typer(transfer_app, name="transfer")
app.add_typer(sandbox_app, name="sandbox")
snapshot_app.command(
    "import", epilog="Example: annuaire snapshot import 4821 --keys annuaire-keys.json --data-dir var"
)(import_folder)
app.add_typer(snapshot_app, name="snapshot")
app.add_typer(replica_app, name="replica")
app.add_typer(webhook_app, name="webhook")
app.add_typer(person_app, name="person")

DataDir = Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, logs on stderr.")]


def _say_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it
    if asked:
        sys.stdout.write(f"annuaire {VERSION}, schema {', '.join(scripts().get_heads())}\n")
        raise typer.Exit(DONE)


@app.callback()
def root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="The version, and the schema it expects."),
    ] = False,
) -> None:
    """The directory of a secure health-mail trust space."""
    del version


@app.command(epilog="Example: annuaire up --data-dir var --sample 20000")
def up(
    data_dir: Annotated[Path, typer.Option(help="Everything is kept below; made when missing.")] = Path("var"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the API on 127.0.0.1.")] = 8000,
    ldap_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of LDAP on 127.0.0.1.")] = 3389,
    sample: Annotated[
        int, typer.Option(min=0, help="Synthetic professionals to load when the directory is empty; 0 = none.")
    ] = 0,
    *,
    as_json: Json = False,
) -> None:
    """Run everything under one directory: PostgreSQL, slapd, API and worker. Ctrl-C stops all in order."""
    raise typer.Exit(run_up(Options(data_dir, port, ldap_port, sample, as_json)))


@app.command(epilog="Example: annuaire serve --host 127.0.0.1 --port 8000")
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; TLS is the proxy's.")] = LOOPBACK,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    unix_socket: Annotated[
        Path | None, typer.Option(help="Listen on this socket instead, for a proxy on the same machine.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that answer; as many as cores is right. [ANNUAIRE_WORKERS, else 1]"),
    ] = None,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Answer HTTP until stopped, in one stateless process or several."""
    from app.serving import serve as answer  # noqa: PLC0415 - the supervisor and short commands need no HTTP

    settings = settings_for(data_dir)
    if workers is not None:
        settings = settings.model_copy(update={"workers": workers})
    if host == LOOPBACK and unix_socket is None:
        require_free(port, use="the API", option="--port")
    tracing.require(settings)
    try:
        Peppers.of(settings)
    except PepperMissing as missing:
        raise Refused(one_line(missing), "setting.missing") from missing
    if as_json:
        emit({"api": f"unix:{unix_socket}" if unix_socket else f"http://{host}:{port}"}, as_json=True)
    answer(settings, host, port, unix_socket)


@app.command(epilog="Example: annuaire worker --data-dir var")
def worker(data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """Publish what writers left, and keep LDAP in step, until stopped."""
    from app.worker import run  # noqa: PLC0415 - only the worker needs its loops

    settings = settings_for(data_dir)
    logs.configure(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with tracing.in_force(settings, "annuaire-worker"):
        run(settings, stop)
    if as_json:
        emit({"worker": "stopped"}, as_json=True)


@db_app.callback()
def schema() -> None:
    """The schema of the database."""


@db_app.command(epilog="Example: annuaire db upgrade --check")
def upgrade(
    data_dir: DataDir = None,
    *,
    check: Annotated[
        bool,
        typer.Option("--check", help="Change nothing: say what is missing, and what it would lock; exit 1 when it is."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring the schema to the version of this code."""
    settings = settings_for(data_dir)
    with db.connect(settings) as connection:
        found = outlook.examine(connection)
    if check:
        emit(found.as_json(), as_json=as_json, text=outlook.told(found))
        raise typer.Exit(DIFFERENCES if found.migrations else DONE)
    db.upgrade(settings.database_url)
    applied = [each.revision for each in found.migrations]
    emit({"applied": applied}, as_json=as_json, text=f"applied: {', '.join(applied) or 'nothing'}")


@db_app.command(name="grant", epilog="Example: annuaire db grant annuaire_api")
def grant_role(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="A role of PostgreSQL that owns nothing of annuaire.")],
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Let the API run as ROLE, which can add to the audit trail and change nothing of it. Again after db upgrade."""
    with db.connect(settings_for(data_dir)) as connection:
        written = grant(connection, role)
    emit({"role": role, "writes": written}, as_json=as_json, text=f"{role} may write {len(written)} tables")


@app.command(epilog="Example: annuaire doctor --data-dir var")
def doctor(data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """Look at every part and say what is wrong and what to do, and what is good to know."""
    findings = examine(settings_for(data_dir))
    text = "\n".join(_said(finding) for finding in findings)
    wrong = [finding for finding in findings if finding.ok is False]
    emit({"ok": not wrong, "findings": [asdict(finding) for finding in findings]}, as_json=as_json, text=text)
    raise typer.Exit(REFUSED if wrong else DONE)


def _said(finding: Finding) -> str:
    """A finding for people; what to do stands below what it is for."""
    mark = {True: "ok", False: "WRONG", None: "note"}[finding.ok]
    line = f"{mark:<6} {finding.name:<22} {finding.detail}"
    return f"{line}\n{'':<29} → {finding.remedy}" if finding.remedy else line


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code (0, 1, 2, 3 or 64: see app/console.py)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_run(given))


def _run(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    # Unconfigured, structlog prints to stdout, which belongs to results.
    logs.configure("warning")
    try:
        status = app(args=arguments, prog_name="annuaire", standalone_mode=False)
    except Refused as said:
        refusal = said
    except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction) as error:
        if error.sqlstate is None or error.sqlstate.startswith(("08", "57P")):
            refusal = Refused(f"PostgreSQL does not answer: {one_line(error)}", "database.unreachable")
        else:
            refusal = Refused(f"PostgreSQL did not finish the work: {one_line(error)}", "database.error")
    except OSError as error:
        refusal = Refused(one_line(error), "system.failed")
    except typer.TyperException as mistake:
        return _usage(mistake, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(as_json=as_json)
    except Exception as fault:  # noqa: BLE001 - Python's own exit code, 1, would say: done, with rows rejected
        traceback.print_exc()
        refusal = Refused(f"a fault of annuaire: {one_line(fault)}", "internal")
    else:
        return _interrupted(as_json=as_json) if status == TYPER_INTERRUPTED else int(status or DONE)
    return refuse(refusal, as_json=as_json)


def _interrupted(*, as_json: bool) -> int:
    refuse(Refused("interrupted before the end", "interrupted"), as_json=as_json)
    return INTERRUPTED


def _usage(mistake: typer.TyperException, *, as_json: bool) -> int:
    message = mistake.format_message()
    if as_json:
        emit({"error": {"code": "usage", "detail": message}}, as_json=True)
    if message:  # without any argument the help was shown instead
        say(f"annuaire: {message} (see annuaire --help)")
    return USAGE


if __name__ == "__main__":
    main()

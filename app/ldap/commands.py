"""`annuaire ldap …`: rebuild, sync and verify the copy in slapd."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from app.console import DIFFERENCES, DONE, Refused, emit, progress
from app.db import connect
from app.embedded.attach import replace_tree, settings_for
from app.ldap.aside import note_whole
from app.ldap.batch import Written
from app.ldap.client import LdapFailed, LdapUnreachable
from app.ldap.rebuild import Ldif, reconcile_now
from app.ldap.sync import sync_once
from app.ldap.verify import Verified
from app.ldap.verify import verify as verified
from app.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The copy of the publication in slapd.")

DataDir = Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.callback()
def ldap() -> None:
    """The copy of the publication in slapd."""


@app.command(epilog="Example: annuaire ldap rebuild --data-dir var")
def rebuild(data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """Make the whole tree anew: with --data-dir by a bulk load that takes the place of the present tree, else by
    comparing every entry and writing what differs.
    """
    settings = _settings(data_dir)
    with _said(settings), progress("entries") as advance:
        if data_dir is None:
            edition, written = reconcile_now(settings, advance)
            report: dict[str, Any] = {"way": "reconcile", "edition": edition, **_counts(written)}
        else:
            ldif = Ldif(settings, advance)
            replace_tree(data_dir, ldif)
            with connect(settings, autocommit=True) as connection:
                note_whole(connection, ldif.refused, ldif.refused)
            report = {"way": "load", "edition": ldif.edition, "added": ldif.entries, "refused": ldif.refused}
    text = f"LDAP holds edition {report['edition']} ({report['added']} entries added)"
    emit(report, as_json=as_json, text=_with_refused(text, report["refused"]))
    raise typer.Exit(DIFFERENCES if report["refused"] else DONE)


@app.command(epilog="Example: annuaire ldap sync --once --data-dir var")
def sync(
    data_dir: DataDir = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="Go up to the present edition, then end.")] = False,
    as_json: Json = False,
) -> None:
    """Write what changed since the edition that the tree holds. (`annuaire worker` does it for ever.)"""
    if not once:
        raise typer.BadParameter("give --once; it is annuaire worker that follows the changes for ever")
    settings = _settings(data_dir)
    with _said(settings):
        made = sync_once(settings)
    report = {
        "edition": {"before": made.before, "after": made.edition},
        "reconciled": made.reconciled,
        **_counts(made.written),
    }
    text = (
        f"LDAP holds edition {made.edition} (was {made.before}): {made.written.added} entries added, "
        f"{made.written.modified} modified, {made.written.deleted} deleted"
    )
    emit(report, as_json=as_json, text=_with_refused(text, made.written.refused))
    raise typer.Exit(DIFFERENCES if made.written.refused else DONE)


@app.command(epilog="Example: annuaire ldap verify --data-dir var")
def verify(data_dir: DataDir = None, *, as_json: Json = False) -> None:
    """Compare every entry with the publication; exit 1 and a list when they differ."""
    settings = _settings(data_dir)
    with _said(settings), progress("entries") as advance:
        found = verified(settings, advance)
    report = {**asdict(found), "equal": found.is_equal}
    emit(report, as_json=as_json, text="\n".join(_lines(found)))
    raise typer.Exit(DONE if found.is_equal else DIFFERENCES)


def _settings(data_dir: Path | None) -> Settings:
    settings = settings_for(data_dir)
    if not settings.ldap_enabled:
        raise Refused("LDAP is switched off: set ANNUAIRE_LDAP_ENABLED=true", "ldap.disabled")
    return settings


@contextmanager
def _said(settings: Settings) -> Iterator[None]:
    try:
        yield
    except LdapUnreachable as error:
        raise Refused(
            f"{error} (at {settings.ldap_uri}): start slapd, or correct ANNUAIRE_LDAP_URI", "ldap.unreachable"
        ) from error
    except LdapFailed as error:
        raise Refused(str(error), "ldap.failed") from error


def _counts(written: Written) -> dict[str, Any]:
    return asdict(written)


def _with_refused(text: str, refused: dict[str, str]) -> str:
    return "\n".join([text, *(f"set aside: {reason}" for reason in refused.values())])


def _lines(found: Verified) -> Iterator[str]:
    if found.is_equal:
        yield f"equal: {found.entries} entries at edition {found.edition}, digest {found.digest}"
        return
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(found.counts.items()))
    yield f"LDAP differs from edition {found.edition}: {counted} (annuaire ldap rebuild makes it right)"
    for difference in found.differences:
        detail = difference.reason or " ".join(difference.attributes)
        yield f"{difference.kind:<10} {difference.name} {detail}".rstrip()
    if sum(found.counts.values()) > len(found.differences):
        yield f"… the first {len(found.differences)} are listed"

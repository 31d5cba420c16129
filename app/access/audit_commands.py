"""`annuaire audit …`: read the trail, verify it, keep its root elsewhere, and note that a backup was restored."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.access.audit_reading import NEWEST, AuditQuery, acts
from app.access.audit_restored import note_restored
from app.access.audit_roots import SCHEMES, anchor, root, roots_of
from app.access.audit_verify import verify
from app.access.consultation_keeping import consultations
from app.console import DIFFERENCES, DONE, Refused, emit
from app.db import connect
from app.embedded.attach import settings_for
from app.paging import LARGEST_LIMIT
from app.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The audit trail.")

DataDir = Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON value on stdout, logs on stderr.")]


@app.callback()
def audit() -> None:
    """The audit trail."""


@app.command(name="verify", epilog="Example: annuaire audit verify --anchors /mnt/witness/roots --data-dir var")
def verify_trail(
    anchors: Annotated[
        Path | None, typer.Option(help="Roots that were kept elsewhere; else the file of ANNUAIRE_AUDIT_ANCHOR.")
    ] = None,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Read every row again; exit 1 and a list when one was changed, removed, swapped or cut off."""
    settings = settings_for(data_dir)
    path = anchors or _file_of(settings)
    with connect(settings) as connection:
        found = verify(connection, roots_of(path) if path else ())
    report = {
        "ok": found.is_whole,
        "rows": found.rows,
        "sequence": found.sequence,
        "hash": found.hash.hex(),
        "anchors": found.anchors,
        "lost": [root.as_json() for root in found.lost],
        "faults": [asdict(fault) for fault in found.faults],
    }
    text = f"{found.rows} acts, {found.anchors} anchored roots: " + ("whole" if found.is_whole else "NOT WHOLE")
    lines = [
        f"{root.sequence:>12}  {'lost':<8}  anchored at {root.at}, before a backup was restored" for root in found.lost
    ]
    lines += [f"{fault.sequence:>12}  {fault.code:<8}  {fault.detail}" for fault in found.faults]
    emit(report, as_json=as_json, text="\n".join([text, *lines]))
    raise typer.Exit(DONE if found.is_whole else DIFFERENCES)


@app.command(name="list", epilog="Example: annuaire audit list --object anne.exemple@ch-exemple.mssante.fr")
def list_acts(
    object_key: Annotated[str | None, typer.Option("--object", help="Acts on the object of this key.")] = None,
    operator: Annotated[str | None, typer.Option(help="Acts on behalf of this operator.")] = None,
    action: Annotated[str | None, typer.Option(help="For example key.issued.")] = None,
    before: Annotated[int, typer.Option(help="Go on below this number.", show_default=False)] = NEWEST,
    limit: Annotated[int, typer.Option(min=1, max=LARGEST_LIMIT)] = 50,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Acts, newest first."""
    query = AuditQuery(object=object_key, operator=operator, action=action, limit=limit)
    with connect(settings_for(data_dir)) as connection:
        found = acts(connection, query, before)
    lines = [
        f"{act['sequence']:>8}  {act['at']:%Y-%m-%d %H:%M:%S%z}  {act['actor']:<20}  {act['action']:<20}  "
        f"{act['object_kind']} {act['object_key']}  {act['detail']}".rstrip()
        for act in found
    ]
    emit(found, as_json=as_json, text="\n".join(lines) or "no act")


@app.command(name="consultations", epilog="Example: annuaire audit consultations --caller key:k3l5m7n2p4")
def list_consultations(
    caller: Annotated[str | None, typer.Option(help="A credential as the log names it, or anonymous.")] = None,
    before: Annotated[int, typer.Option(help="Go on below this number.", show_default=False)] = NEWEST,
    limit: Annotated[int, typer.Option(min=1, max=LARGEST_LIMIT)] = 50,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Who was shown how much by which route, newest first. What was asked for is noted nowhere."""
    with connect(settings_for(data_dir)) as connection:
        found = consultations(connection, caller, before, limit)
    lines = [
        f"{each['id']:>10}  {each['at']:%Y-%m-%d %H:%M:%S%z}  {each['caller']:<30}  {each['status']}  "
        f"{each['shown']:>5}  {each['route']}  {each['request_id']}"
        for each in found
    ]
    emit(found, as_json=as_json, text="\n".join(lines) or "no consultation")


@app.command(name="anchor", epilog="Example: annuaire audit anchor --to /mnt/witness/roots --data-dir var")
def anchor_root(
    to: Annotated[str | None, typer.Option(help="A file or a URL; else that of ANNUAIRE_AUDIT_ANCHOR.")] = None,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Keep the present root of the trail in a file or behind a URL; without either, only show it."""
    settings = settings_for(data_dir)
    target = to or settings.audit_anchor
    with connect(settings) as connection:
        present = anchor(connection, target) if target else root(connection)
    emit(
        present.as_json() | {"kept_at": target},
        as_json=as_json,
        text=f"{present.hash.hex()}  act {present.sequence}, {_told(target)}",
    )


@app.command(epilog="Example: annuaire audit restored --reason 'disk lost, backup of 3 May' --data-dir var")
def restored(
    reason: Annotated[str, typer.Option(help="Why, and which backup: it stands in the trail.")],
    act: Annotated[int | None, typer.Option(help="The last act that the backup held; else the last there is.")] = None,
    to: Annotated[str | None, typer.Option(help="Who keeps the roots; else as ANNUAIRE_AUDIT_ANCHOR says.")] = None,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """After a backup was restored: begin a new history, and tell the keeper of the roots that later ones are lost."""
    settings = settings_for(data_dir)
    target = to or settings.audit_anchor
    with connect(settings) as connection:
        covering, ended = note_restored(connection, reason, act, target)
    emit(
        covering.as_json() | {"ended": ended, "kept_at": target},
        as_json=as_json,
        text=f"history {covering.epoch} begins behind act {covering.restored_to}, {_told(target)}",
    )


def _told(target: str | None) -> str:
    return f"kept at {target}" if target else "kept nowhere: give --to, or set ANNUAIRE_AUDIT_ANCHOR"


def _file_of(settings: Settings) -> Path | None:
    """The file of anchored roots of this installation. Raises Refused where it should be and is not."""
    target = settings.audit_anchor
    if not target or target.startswith(SCHEMES):
        return None
    path = Path(target)
    if not path.exists():
        raise Refused(f"{path} (ANNUAIRE_AUDIT_ANCHOR) is not there: nothing shows what the trail was", "audit.anchor")
    return path

"""`annuaire snapshot make`: the files of the current edition, now."""

import time
from pathlib import Path
from typing import Annotated

import typer

from app.console import Refused, emit
from app.db import connect
from app.embedded.attach import settings_for
from app.publication.drain import drain_all
from app.publication.snapshots import Made, is_offered, make, making, sweep

snapshot_app = typer.Typer(no_args_is_help=True, help="The whole directory of one edition as files.")

# Between publishing all and taking the moment, somebody may leave marks again.
TRIES, PAUSE = 30, 1.0


@snapshot_app.callback()
def snapshots() -> None:
    """The whole directory of one edition as files, for copies that begin."""


@snapshot_app.command(name="make", epilog="Example: annuaire snapshot make --data-dir var")
def make_one(
    data_dir: Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Make the files of the current edition and offer them, whatever the clock says."""
    settings = settings_for(data_dir)
    with connect(settings, autocommit=True) as connection, making(connection) as is_maker:
        if not is_maker:
            raise Refused("another snapshot is being made: wait for it", "snapshot.busy")
        sweep(settings, connection)
        for _ in range(TRIES):
            edition = drain_all(settings)
            made = make(settings, connection)
            if made or is_offered(connection):
                break
            time.sleep(PAUSE)
        else:
            raise Refused("something always waits to be published: try again when no import runs", "snapshot.pending")
    if made is None:
        emit({"edition": edition, "made": False}, as_json=as_json, text=f"edition {edition} has its files already")
        return
    if not made.offered:
        raise Refused("somebody was hidden while it was made: make another one", "snapshot.outdated")
    _tell(made, as_json=as_json)


def _tell(made: Made, *, as_json: bool) -> None:
    said = {**made._asdict(), "made": True, "files": [file._asdict() for file in made.files]}
    del said["offered"]
    lines = [f"{file.sha256}  {file.bytes:>13,}  {file.file}" for file in made.files]
    emit(said, as_json=as_json, text="\n".join([f"edition {made.edition}, root {made.root}", *lines]))

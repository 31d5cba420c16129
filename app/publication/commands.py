"""`annuaire digest`: the proof of the current edition. `annuaire db restored`: another history begins."""

from pathlib import Path
from typing import Annotated

import typer

from app.console import emit
from app.db import connect
from app.embedded.attach import settings_for
from app.publication import epoch
from app.publication.digest import root


def digest(
    data_dir: Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """One hash over every published resource: two directories with the same root are the same directory."""
    with connect(settings_for(data_dir)) as connection:
        found = root(connection)
    emit(found._asdict(), as_json=as_json, text=f"{found.root}  edition {found.edition}")


def restored(
    data_dir: Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Say that this database was restored from a backup: another history begins, and every copy is made anew.

    The worker sees by itself a restore into another cluster or database, or from the archive; saying it is harmless.
    """
    with connect(settings_for(data_dir)) as connection:
        begun, edition = epoch.begin(connection, "restored, by command")
    text = f"another history begins at edition {edition}: epoch {begun}; copies make themselves anew"
    emit({"epoch": begun, "edition": edition}, as_json=as_json, text=text)

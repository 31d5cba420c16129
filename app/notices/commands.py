"""`annuaire notice …`: what operators are told."""

from pathlib import Path
from typing import Annotated

import typer

from app.console import emit
from app.db import connect
from app.embedded.attach import settings_for
from app.notices.reading import notices
from app.paging import LARGEST_LIMIT

app = typer.Typer(no_args_is_help=True, help="What operators are told.")

DataDir = Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON value on stdout, logs on stderr.")]


@app.callback()
def notice() -> None:
    """What operators are told."""


@app.command(name="list", epilog="Example: annuaire notice list --operator 1990000010 --data-dir var")
def list_notices(
    operator: Annotated[str, typer.Option(help="Id of the operator.")],
    after: Annotated[int, typer.Option(min=0, help="Go on after this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=LARGEST_LIMIT)] = 50,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Notices to one operator, oldest first, as it reads them itself."""
    with connect(settings_for(data_dir)) as connection:
        found = notices(connection, operator, after, limit)
    lines = [
        f"{each['number']:>6}  {each['at']:%Y-%m-%d %H:%M:%S%z}  {each['code']:<24}  {each['kind']} {each['key']}  "
        f"{each['detail']}"
        for each in found
    ]
    emit(found, as_json=as_json, text="\n".join(lines) or "no notice")

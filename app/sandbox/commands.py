"""`annuaire sandbox …`: synthetic national data on disk."""

from pathlib import Path
from typing import Annotated

import typer

from app.console import Refused, emit, progress, refuse
from app.sandbox.generate import MIN_PROFESSIONALS, Generated, generate
from app.sandbox.numbers import MAX_PROFESSIONALS

app = typer.Typer(no_args_is_help=True, help="Synthetic national data: everything in it is invented.")


@app.callback()
def sandbox() -> None:
    """Synthetic national data: everything in it is invented."""


@app.command(
    name="generate",
    epilog="Example: annuaire sandbox generate --professionals 20000 --seed 1 --out data/day1",
)
def generate_files(
    professionals: Annotated[
        int,
        typer.Option(min=MIN_PROFESSIONALS, max=MAX_PROFESSIONALS, help="Distinct persons; France has 1912833."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the files; made when missing.")],
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 1,
    *,
    next_day: Annotated[
        bool,
        typer.Option(
            "--next-day",
            help="The files of the following day. The white list keeps its name: use another folder to keep both.",
        ),
    ] = False,
    dipl: Annotated[
        bool, typer.Option("--dipl", help="Diplomas and authorisations too (PS_LibreAcces_Dipl_AutExerc).")
    ] = False,
    finess_plus: Annotated[bool, typer.Option("--finess-plus", help="The same sites as FINESS+ JSON too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Write national files in the official formats: persons, savoir-faire, mailboxes, FINESS sites, white list."""
    try:
        made = _generate_with_progress(
            professionals, seed, out, next_day=next_day, diplomas=dipl, finess_plus=finess_plus
        )
    except OSError as failure:
        refusal = Refused(f"cannot write to {out}: {failure.strerror}; give another folder with --out.", "sandbox.out")
        raise typer.Exit(refuse(refusal, as_json=as_json)) from failure
    text = "\n".join(f"{file.rows:>10}  {file.path}" for file in made.files)
    emit(_report(made, seed), as_json=as_json, text=text)


def _generate_with_progress(professionals: int, seed: int, out: Path, **asked: bool) -> Generated:
    with progress("professionals", professionals) as advance:
        reached = 0

        def show(done: int) -> None:
            nonlocal reached
            advance(done - reached)
            reached = done

        return generate(professionals, seed, out, progress=show, **asked)


def _report(made: Generated, seed: int) -> dict[str, object]:
    return {
        "seed": seed,
        "stamp": f"{made.stamp:%Y%m%d%H%M}",
        "professionals": made.professionals,
        "files": [{"path": str(file.path), "rows": file.rows} for file in made.files],
    }

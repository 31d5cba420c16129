"""Squawk on every statement of the migrations: a released one has the findings that are explained, a new one none."""

import json
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from app.schema.standing import LOCATION

if TYPE_CHECKING:
    from tests.migrations.measured import Measure

# Why each finding of a released migration, which is never edited, does no harm; and how many there are.
EXPLAINED = LOCATION / "released.toml"
SQUAWK = Path(sys.executable).with_name("squawk")
POSTGRES = "15"


def lint(measures: "Iterable[Measure]") -> list[str]:
    """The findings that nobody explains, and explanations of what is not found any more."""
    found = Counter({(each.revision, rule): count for each in measures for rule, count in _findings(each).items()})
    explained = Counter(
        {(revision, rule): count for rule, told in explanations().items() for revision, count in told.items()}
    )
    more, gone = found - explained, explained - found
    return [f"squawk: {revision}: {rule}, {count} times" for (revision, rule), count in sorted(more.items())] + [
        f"squawk: {EXPLAINED.name} explains what is not there: {revision}: {rule}, {count} times"
        for (revision, rule), count in sorted(gone.items())
    ]


def explanations() -> dict[str, dict[str, int]]:
    """Rule → revision → how many findings are explained."""
    kept = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))
    return {rule: told["found"] for rule, told in kept.items()}


def _findings(measure: "Measure") -> Counter[str]:
    inside = squawk(measure.script.inside, "--assume-in-transaction")
    return Counter(inside) + Counter(squawk(measure.script.outside))


def squawk(statements: Iterable[str], *options: str) -> Iterator[str]:
    """The rules that these statements, sent one after the other, break."""
    script = "".join(f"{statement.rstrip().rstrip(';')};\n" for statement in statements)
    if not script:
        return
    command: list[str | Path] = [SQUAWK, "--reporter", "json", "--pg-version", POSTGRES, *options]
    ended = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    assert ended.returncode in {0, 1}, ended.stderr
    for finding in json.loads(ended.stdout or "[]"):
        yield finding["rule_name"]

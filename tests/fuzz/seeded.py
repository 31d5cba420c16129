"""The short run: inputs drawn from the seeds by chance that is the same each time, and what came of them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.fuzz import files, texts
from tests.fuzz.target import ALWAYS, Target

TARGETS = (*texts.TARGETS, *files.TARGETS)
SEED = 20_261_129
MOST = 6


@dataclass(frozen=True)
class Tried:
    """`findings`: the error and the input, at most MOST of them."""

    target: str
    executions: int
    taken: int
    findings: tuple[str, ...]


def tried(target: Target, executions: int) -> Tried:
    """Try what always breaks parsers, the seeds, and changes of them."""
    taken, findings, count = 0, list[str](), 0
    for given in _inputs(target, executions):
        count += 1
        try:
            taken += target.try_one(given)
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            findings.append(f"{target.name}: {type(error).__name__}: {str(error)[:200]} on {given[:200]!r}")
            if len(findings) == MOST:
                break
    return Tried(target.name, count, taken, tuple(findings))


def _inputs(target: Target, executions: int) -> Iterator[bytes]:
    chance = random.Random(f"{SEED} {target.name}")  # noqa: S311 - the same each time, on purpose
    known = [*target.seeds, *ALWAYS]
    yield from known
    for _ in range(executions - len(known)):
        yield _changed(chance.choice(target.seeds), known, chance)


def _changed(given: bytes, known: list[bytes], chance: random.Random) -> bytes:
    """A seed with one to four changes: a bit, a piece away, twice, elsewhere, or something of another input in it."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randint(0, len(given))
        end = min(len(given), start + chance.choice((1, 1, 2, 8, 64)))
        piece, other = given[start:end], chance.choice(known)[:200]
        flipped = bytes(each ^ (1 << chance.randrange(8)) for each in piece)
        change = chance.choice((flipped, b"", piece * 2, other, bytes([chance.randrange(256)])))
        given = given[:start] + change + given[end:]
    return given


def table(rows: list[Tried]) -> str:
    """One line for each target, then every finding."""
    width = max(len(row.target) for row in rows)
    lines = [f"{row.target:<{width}}  {row.executions:>7}  {row.taken:>7}  {len(row.findings)}" for row in rows]
    head = f"{'target':<{width}}  {'tried':>7}  {'taken':>7}  findings"
    return "\n".join(
        [f"fuzzing of parsers, seed {SEED}", head, *lines, *(each for row in rows for each in row.findings)]
    )

"""Randomness that gives the same bytes for the same seed, on every machine and in every process.

Each kind of thing draws from its own stream, so that more draws for one kind never move the others.
"""

from collections.abc import Iterable, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")

SLOTS = 2_000


def stream(seed: int, name: str) -> Random:
    """The stream of one kind of thing. Seeded with a text: Random hashes it with SHA-512, never with `hash()`."""
    return Random(f"{seed}/{name}")  # noqa: S311 - invented data, not a secret


def happens(rng: Random, share: float) -> bool:
    """True in `share` (0 to 1) of the calls."""
    return rng.random() < share


def pick(rng: Random, things: Sequence[T]) -> T:
    """One of `things`, each as likely; much faster than `Random.choice`, which is called several times a row."""
    return things[int(rng.random() * len(things))]


def spread(weighted: Iterable[tuple[T, float]], slots: int = SLOTS) -> list[T]:
    """A table to `pick` from, where each thing fills slots by its weight; every thing keeps at least one."""
    pairs = list(weighted)
    total = sum(weight for _, weight in pairs)
    table: list[T] = []
    for thing, weight in pairs:
        table.extend([thing] * max(1, round(slots * weight / total)))
    return table

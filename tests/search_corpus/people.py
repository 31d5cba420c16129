"""The people of the invented directory that the corpus asks for: the same for the same seed, byte for byte.

Half of their families come from lists of this corpus, rich in what is hard to spell; half from the sandbox.
"""

import unicodedata
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from app.sandbox.chance import happens, pick, stream
from app.sandbox.names import draw_names

DATA = Path(__file__).parents[1] / "data" / "search"
PEOPLE = 6_000
SEED = 20_261_129

# Letters that Unicode does not take apart.
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "ß": "ss", "đ": "d"})


class Person(NamedTuple):
    """A name as it stands in the directory."""

    family: str
    given: str


@cache
def listed(name: str) -> tuple[str, ...]:
    """The lines of a list of names, without its comments."""
    lines = (DATA / name).read_text("utf-8").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))


@cache
def people(count: int = PEOPLE) -> tuple[Person, ...]:
    """Everybody in the directory. Some share a whole name, as people do."""
    rng = stream(SEED, "people")
    names = draw_names(stream(SEED, "names"), count)
    givens = names.given_female + names.given_male
    return tuple(Person(_family(rng, names.families), pick(rng, givens)) for _ in range(count))


def _family(rng: Random, sandbox: list[str]) -> str:
    plain = [name for line in listed("families.txt") for name in line.split()]
    draw = rng.random()
    if draw < 0.30:
        family = pick(rng, plain)
    elif draw < 0.40:
        family = f"{pick(rng, plain)}-{pick(rng, plain)}"
    elif draw < 0.50:
        family = pick(rng, listed("particles.txt"))
    else:
        return pick(rng, sandbox)
    return family.title() if happens(rng, 0.15) else family


def bare(text: str) -> str:
    """Lower case without accents; what separates words stays."""
    decomposed = unicodedata.normalize("NFKD", text.lower().translate(_LIGATURES))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def words(text: str) -> list[str]:
    """The words of a name, bare."""
    return "".join(letter if letter.isalnum() else " " for letter in bare(text)).split()

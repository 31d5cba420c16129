"""The corpus: so many mistakes of each class, each with the person who was meant. `python -m tests.search_corpus`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from app.sandbox.chance import pick, stream
from tests.search_corpus.mistakes import MISTAKES
from tests.search_corpus.people import DATA, SEED, Person, people, words

ERRORS = DATA / "errors.tsv"
HEAD = "class\tquery\tfamily\tgiven\n"
COUNTS = {
    "accent": 500,
    "edit": 900,
    "swap": 600,
    "particle": 500,
    "hyphen": 600,
    "phonetic": 800,
    "inversion": 500,
    "civility": 200,
    "given": 400,
}
MOST_DRAWS = 1_000


class Case(NamedTuple):
    """A mistake of a class: what is typed, and who is meant."""

    kind: str
    query: str
    person: Person


def cases() -> list[Case]:
    """The committed corpus, as it is made."""
    return drawn(people(), COUNTS)


def held_out(persons: Sequence[Person], count: int) -> list[Case]:
    """So many of each class that stand in no file: who mends a search by the corpus has not read them."""
    return drawn(persons, dict.fromkeys(COUNTS, count), SEED + 1)


def drawn(persons: Sequence[Person], counts: Mapping[str, int], seed: int = SEED) -> list[Case]:
    """So many mistakes of each class among these persons, none twice, and none that is somebody else's right name."""
    names = {_name(f"{person.family} {person.given}") for person in persons}
    return [case for kind, count in counts.items() for case in _of_class(kind, count, persons, names, seed)]


def _of_class(kind: str, count: int, persons: Sequence[Person], names: set[str], seed: int) -> Iterator[Case]:
    rng, made = stream(seed, f"mistakes/{kind}"), set[str]()
    for _ in range(count * MOST_DRAWS):
        if len(made) == count:
            return
        person = pick(rng, persons)
        query = MISTAKES[kind](rng, person)
        if query is None or query in made or _is_another(query, person, names):
            continue
        made.add(query)
        yield Case(kind, query, person)
    raise ValueError(f"{len(persons)} persons do not give {count} mistakes of class {kind}")


def _is_another(query: str, person: Person, names: set[str]) -> bool:
    typed = _name(query)
    return typed in names and typed != _name(f"{person.family} {person.given}")


def _name(text: str) -> str:
    """The words of a whole name, in no order."""
    return " ".join(sorted(words(text)))


def written(corpus: Iterable[Case]) -> str:
    """The text of the file."""
    return HEAD + "".join(f"{case.kind}\t{case.query}\t{case.person.family}\t{case.person.given}\n" for case in corpus)


def read(path: Path = ERRORS) -> list[Case]:
    """The cases of such a file."""
    head, *lines = path.read_text("utf-8").splitlines()
    if head + "\n" != HEAD:
        raise ValueError(f"{path} is no corpus: {head!r}")
    return [Case(kind, query, Person(family, given)) for kind, query, family, given in (x.split("\t") for x in lines)]

"""What is asked of a search for people and structures: prefixes, whole names, mistakes, filters, deep pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from urllib.parse import urlencode

from app.sandbox.chance import pick, stream
from tests.search_corpus.mistakes import MISTAKES
from tests.search_corpus.people import Person, bare, words

SEED = 1
DIFFERENT = 200
PEOPLE, STRUCTURES = "/v1/practitioners", "/v1/organizations"
# Their medians may differ by this factor and no more: a search costs what it answers, not what it might have.
PREFIXES = ("m", "fra", "fras", "frasl", "MARTIN")
CONSONANTS = "bcdfghjklmnpqrstvwxz"


@dataclass(frozen=True)
class Kind:
    """Questions of one kind: what is asked of the API, and the same as words where they are nothing but words."""

    name: str
    targets: Sequence[str]
    texts: Sequence[str] = ()


def kinds(persons: Sequence[Person], structures: Sequence[str]) -> list[Kind]:
    """Every kind but the deep page, about these people and names of structures."""
    rng = stream(SEED, "questions")
    some = [pick(rng, persons) for _ in range(DIFFERENT)]
    return [
        *(_named(f'"{text}"', [text]) for text in PREFIXES),
        _named("family name", [bare(person.family) for person in some]),
        _named("family and given name", [f"{person.family} {person.given}" for person in some]),
        _named("given name first", [f"{person.given} {person.family}".lower() for person in some]),
        *(
            _named(f"mistake: {kind}", _wrong(rng, kind, persons))
            for kind in ("edit", "phonetic", "particle", "hyphen")
        ),
        _named("nobody", ["".join(rng.choices(CONSONANTS, k=12)) for _ in range(DIFFERENT)]),
        _named("twenty words", [" ".join(_many(rng, some)) for _ in range(DIFFERENT)]),
        *_filtered(some),
        *_of_structures(rng, structures),
    ]


def _named(name: str, texts: Sequence[str]) -> Kind:
    return Kind(name, [_target(PEOPLE, name=text) for text in texts], texts)


def _target(path: str, **query: str) -> str:
    return f"{path}?{urlencode(query)}"


def _wrong(rng: Random, kind: str, persons: Sequence[Person]) -> list[str]:
    """Names with a mistake of this class."""
    texts: list[str] = []
    while len(texts) < DIFFERENT:
        if typed := MISTAKES[kind](rng, pick(rng, persons)):
            texts.append(typed)
    return texts


def _many(rng: Random, persons: Sequence[Person]) -> list[str]:
    spoken = [word for _ in range(20) for word in words(pick(rng, persons).family)]
    return spoken[:20]


def _filtered(some: Sequence[Person]) -> list[Kind]:
    def begun(letters: int, **filters: str) -> list[str]:
        starts = dict.fromkeys(bare(person.family).replace(" ", "")[:letters] for person in some)
        return [_target(PEOPLE, name=start, **filters) for start in starts]

    return [
        Kind("2 letters, department", begun(2, department="25")),
        Kind("3 letters, department, profession", begun(3, department="69", profession="10")),
        Kind("3 letters, city", begun(3, city="besançon")),
        Kind("3 letters, has a mailbox", begun(3, has_mailbox="true")),
        Kind("3 letters, rare specialty", begun(3, specialty="SM05")),
    ]


def _of_structures(rng: Random, structures: Sequence[str]) -> list[Kind]:
    some = [pick(rng, structures) for _ in range(DIFFERENT)]
    return [
        Kind("structure, 2 letters", [_target(STRUCTURES, name="ch")]),
        Kind("structure, a word of many", [_target(STRUCTURES, name="pharmacie")]),
        Kind("structure, whole name", [_target(STRUCTURES, name=name) for name in some]),
        Kind("structure, word and city", [_target(STRUCTURES, name="ehpad", city="besançon")]),
    ]

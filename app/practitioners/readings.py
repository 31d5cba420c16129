"""How the words of one box may be read: which of them are the family name, and which the given name.

Words that are no part of a name are left out first (civilities), and particles stay with the word that they belong
to: `dr jean de la tour` has the units `jean` and `de la tour`. Then every cut into two, in both orders, is a reading,
and all of it as a family name is one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.problems import InvalidRequest

MOST_WORDS = 12
# Words by which alone nobody is looked for: particles, and what tells a birth name from a name in use. They are those
# of `name_particles` (migration 0014).
PARTICLES = frozenset(
    "al ben d da de den der di do dos du des el ep epouse et l la le les nee van veuve ven von vve y".split()  # noqa: SIM905 - a list would be a page
)
CIVILITIES = frozenset(
    ("dr", "docteur", "docteure", "pr", "prof", "professeur", "professeure", "mme", "madame", "mlle", "monsieur")
)
# At the beginning only: elsewhere these letters are initials.
LEADING_CIVILITIES = CIVILITIES | {"m", "mr", "me"}
# "Monsieur le Professeur", "Mme la Docteure".
ARTICLES = frozenset(("le", "la"))
# One word in two spellings, in either direction.
TWINS = {"st": "saint", "saint": "st", "ste": "sainte", "sainte": "ste"}


@dataclass(frozen=True, slots=True)
class Reading:
    """Folded words of a family name and of a given name; without given words any given name fits."""

    family: tuple[str, ...]
    given: tuple[str, ...] = ()

    @property
    def searched(self) -> tuple[str, ...]:
        """The words of the family name that are no particles."""
        return tuple(word for word in self.family if word not in PARTICLES)


def readings(name: str) -> list[Reading]:
    """Every reading of a folded text. Raises InvalidRequest above MOST_WORDS words."""
    words = _without_civilities(name.split(" "))
    if len(words) > MOST_WORDS:
        fault = {"pointer": "/query/name", "code": "too_many_words", "detail": f"At most {MOST_WORDS} words."}
        raise InvalidRequest("Too many words in the name.", errors=[fault])
    units = _units(words)
    cuts = [(_words(units[:at]), _words(units[at:])) for at in range(1, len(units))]
    swapped = [(after, before) for before, after in cuts]
    return [Reading(tuple(words)), *dict.fromkeys(Reading(*pair) for pair in cuts + swapped)]


def joined(words: Iterable[str]) -> str:
    """Several words written as one."""
    return "".join(words)


def spellings(word: str) -> tuple[str, ...]:
    """The word, and its other usual spelling if it has one."""
    return (word, TWINS[word]) if word in TWINS else (word,)


def _without_civilities(words: Sequence[str]) -> list[str]:
    """The words without how somebody is addressed; all of them where nothing else is there."""
    kept = list(words)
    while len(kept) > 1 and (kept[0] in LEADING_CIVILITIES or (kept[0] in ARTICLES and kept[1] in CIVILITIES)):
        kept = kept[1:]
    return [word for word in kept if word not in CIVILITIES] or kept


def _units(words: Sequence[str]) -> list[tuple[str, ...]]:
    """Words with the particles before them; particles at the end stand alone."""
    units: list[tuple[str, ...]] = []
    waiting: tuple[str, ...] = ()
    for word in words:
        waiting = (*waiting, word)
        if word not in PARTICLES:
            units.append(waiting)
            waiting = ()
    return [*units, waiting] if waiting else units


def _words(units: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(word for unit in units for word in unit)

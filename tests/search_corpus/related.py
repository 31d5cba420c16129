"""Who has nothing to do with a query: a judgement of this corpus, not of the search.

Two words fit when one begins the other, when they are within two edits (one for short words), or when they sound
alike by a coarse skeleton of consonants. Generous on purpose: what is called unrelated here is so for everybody.
"""

import re
from itertools import pairwise

from tests.search_corpus.people import Person, words

SHORT = 4
# What people type around names.
NO_NAMES = frozenset({
    "dr", "docteur", "pr", "professeur", "mme", "madame", "m", "mr", "monsieur", "mlle", "mademoiselle", "me",
    "le", "la", "les", "l", "de", "du", "des", "d", "st", "ste", "saint", "sainte",
})  # fmt: skip
SHORT_FOR = {"st": "saint", "ste": "sainte"}
_SKELETON = (
    (r"ph", "f"),
    (r"(?:qu|ch|c|k|q)(?![eiy])|ck", "k"),
    (r"sch|sh|ch", "s"),
    (r"g(?=[eiy])|ge(?=[ao])", "j"),
    (r"qu|k|q", "k"),
    (r"sc|[csxz]", "s"),
    (r"w|bv", "v"),
    (r"gn|[mn]", "n"),
    (r"ill|ll", "l"),
    (r"[aeiouyh]", ""),
)
_SILENT = re.compile(r"(?<=.)[tdsxlpr]+$")


def distance(left: str, right: str) -> int:
    """Letters to insert, delete, replace, or exchange with their neighbour, to make one of the other."""
    before: list[int] = []
    above = list(range(len(right) + 1))
    for row, letter in enumerate(left, 1):
        here = [row]
        for column, other in enumerate(right, 1):
            steps = min(above[column] + 1, here[-1] + 1, above[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == right[column - 2] and left[row - 2] == other:
                steps = min(steps, before[column - 2] + 1)
            here.append(steps)
        before, above = above, here
    return above[-1]


def skeleton(word: str) -> str:
    """The consonants that are heard, each sound once."""
    for pattern, sound in _SKELETON:
        word = re.sub(pattern, sound, word)
    return re.sub(r"(.)\1+", r"\1", _SILENT.sub("", re.sub(r"(.)\1+", r"\1", word)))


def fit(typed: str, held: str) -> bool:
    """Whether one word may be meant by the other."""
    typed, held = SHORT_FOR.get(typed, typed), SHORT_FOR.get(held, held)
    if typed.startswith(held) or held.startswith(typed):
        return True
    most = 2 if min(len(typed), len(held)) > SHORT else 1
    if abs(len(typed) - len(held)) <= most and distance(typed, held) <= most:
        return True
    return bool(skeleton(typed)) and skeleton(typed) == skeleton(held)


def with_joined(those: list[str]) -> list[str]:
    """The words, and each two or three neighbours as one: `de la tour` may be written `delatour`."""
    pairs = [left + right for left, right in pairwise(those)]
    return those + pairs + ["".join(those[at : at + 3]) for at in range(len(those) - 2)]


def is_unrelated(query: str, person: Person) -> bool:
    """No word of the name fits any word typed."""
    typed, held = with_joined(words(query)), with_joined(words(person.family) + words(person.given))
    return not any(fit(each, other) for each in typed for other in held)


def is_loose(query: str, person: Person) -> bool:
    """Some word typed, other than civilities and particles, fits nothing in the name: all Jacques, then all Martin."""
    spoken, held = words(query), with_joined(words(person.family) + words(person.given))
    return any(not _has_place(at, spoken, held) for at, word in enumerate(spoken) if word not in NO_NAMES)


def _has_place(at: int, spoken: list[str], held: list[str]) -> bool:
    """The word fits, alone or joined to a neighbour."""
    forms = (spoken[at], "".join(spoken[max(0, at - 1) : at + 1]), "".join(spoken[at : at + 2]))
    return any(fit(form, other) for form in forms for other in held)

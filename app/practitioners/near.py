"""Which words of published names are near a word that was typed: one edit away, or alike in sound."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from app.practitioners.readings import Reading, joined, spellings
from app.publication.reading import Pool
from app.spelling import deletions, is_one_edit

Part: TypeAlias = Literal["family", "given"]
Asked: TypeAlias = tuple[Part, str]

NEAR = (Path(__file__).parent / "near.sql").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Near:
    """Words of the dictionary by the word asked. One edit is nearer than sound: the second holds the first."""

    edits: Mapping[Asked, AbstractSet[str]] = field(default_factory=dict)
    sounds: Mapping[Asked, AbstractSet[str]] = field(default_factory=dict)

    def of(self, part: Part, word: str, *, by_sound: bool = False) -> list[str]:
        """The word's own spellings and those that stand for it, in alphabetical order."""
        found = {*spellings(word), *self.edits.get((part, word), ())}
        return sorted(found | self.sounds.get((part, word), set()) if by_sound else found)


async def near(pool: Pool, readings: Iterable[Reading]) -> Near:
    """What the dictionary holds near the words of these readings."""
    asked = sorted({each for reading in readings for each in _asked(reading)})
    forms = [(part, word, form) for part, word in asked for form in deletions(word)]
    parameters = {
        "part_of_form": [part for part, _, _ in forms],
        "word_of_form": [word for _, word, _ in forms],
        "forms": [form for _, _, form in forms],
        "parts": [part for part, _ in asked],
        "words": [word for _, word in asked],
    }
    edits: dict[Asked, set[str]] = defaultdict(set)
    sounds: dict[Asked, set[str]] = defaultdict(set)
    async with pool.connection() as connection:
        cursor = await connection.execute(NEAR, parameters)
        for is_sound, part, word, found in await cursor.fetchall():
            if is_sound:
                sounds[part, word].add(found)
            elif is_one_edit(word, found):
                edits[part, word].add(found)
    return Near(edits, sounds)


def _asked(reading: Reading) -> set[Asked]:
    """Each word that names are found by, and each part of the name written as one word."""
    families: set[Asked] = {("family", word) for word in (*reading.searched, joined(reading.family))}
    givens: set[Asked] = {("given", word) for word in (*reading.given, joined(reading.given)) if word}
    return families | givens

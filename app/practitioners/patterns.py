"""A reading of a name as what SQL compares: whole names, tokens, and patterns of their words.

Folded words are of a-z and 0-9 alone, so that they stand in a pattern as they are.
"""

from collections.abc import Iterable, Sequence
from itertools import islice, product
from typing import Any

from app.practitioners.near import Near
from app.practitioners.readings import Reading, joined, spellings

# Of the spellings of a name with several saints.
MOST_SPELLINGS = 8


def compared(reading: Reading, near: Near | None = None, *, by_sound: bool = False) -> dict[str, Any]:
    """The members of the records of by_name.sql and by_family.sql for one reading.

    `near_…` stay empty without `near`: then only whole words and beginnings count.
    """
    families, givens = in_all_spellings(reading.family), in_all_spellings(reading.given)
    return {
        "families": families,
        "joined": [name.replace(" ", "") for name in families],
        "tokens": [*_rarest(reading), *(name.replace(" ", "") for name in families)],
        "words": [rf"\m({_any(spellings(word))})\M" for word in reading.searched] or [f"^({_any(families)})$"],
        "givens": givens,
        "given_joined": [name.replace(" ", "") for name in givens],
        "given_words": [rf"\m({_any(spellings(word))})\M" for word in reading.given],
        "given_begins": _begins(reading),
        **_families_near(reading, near, by_sound=by_sound),
        **_givens_near(reading, near, by_sound=by_sound),
    }


def _families_near(reading: Reading, near: Near | None, *, by_sound: bool) -> dict[str, list[str]]:
    if near is None or not reading.searched:
        return {"near_tokens": [], "near_words": [], "near_joined": []}
    alike = {word: near.of("family", word, by_sound=by_sound) for word in reading.searched}
    as_one = near.of("family", joined(reading.family), by_sound=by_sound)
    return {
        "near_tokens": sorted({*(each for word in _rarest(reading)[:1] for each in alike[word]), *as_one}),
        "near_words": [rf"\m({_any(words)})\M" for words in alike.values()],
        "near_joined": as_one,
    }


def _givens_near(reading: Reading, near: Near | None, *, by_sound: bool) -> dict[str, list[str]]:
    if near is None or not reading.given:
        return {"given_possible": _begins(reading), "near_given_joined": []}
    alike = [(word, near.of("given", word, by_sound=by_sound)) for word in reading.given]
    as_one = near.of("given", joined(reading.given), by_sound=by_sound)
    return {
        # A beginning fits here too: one word may be short where another has a slip.
        "given_possible": [rf"\m(({_any(words)})\M|{_any(spellings(word))})" for word, words in alike],
        # Of several given names typed, the register may have only the first.
        "near_given_joined": sorted({*as_one, reading.given[0]}),
    }


def _begins(reading: Reading) -> list[str]:
    return [rf"\m({_any(spellings(word))})" for word in reading.given]


def _rarest(reading: Reading) -> tuple[str, ...]:
    """The spellings of the longest word that is no particle, by which names are looked up; the others are compared."""
    return spellings(max(reading.searched, key=len)) if reading.searched else ()


def _any(words: Iterable[str]) -> str:
    return "|".join(words)


def in_all_spellings(words: Sequence[str]) -> list[str]:
    """A name in all its spellings; none for no name."""
    if not words:
        return []
    return [" ".join(each) for each in islice(product(*map(spellings, words)), MOST_SPELLINGS)]

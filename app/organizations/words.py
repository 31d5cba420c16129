"""The words of a name that is asked for, and the words of the dictionary that each may mean."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from psycopg.sql import Placeholder

from app.publication.reading import Pool
from app.spelling import deletions, is_one_edit

# Twin of the function `structure_articles` (migration 0014).
ARTICLES = frozenset(("a", "au", "aux", "d", "de", "des", "du", "en", "et", "l", "la", "le", "les"))
# Before a word of the town or the postal code, in the dictionary and in labels.
TOWN = "@"
# Letters of a word in which a slip is looked for: among words of so many kinds, of three letters too many are near.
SHORTEST_WITH_SLIP = 4
# Spellings that one word may stand for besides its own, those of most structures first.
MOST_SPELLINGS = 8
LETTERS = re.compile(r"\b[a-z](?: [a-z])+\b")

DICTIONARY = """
SELECT a.position, w.word, w.holders
FROM unnest(%(positions)s::int[], %(forms)s::text[], %(plain)s::bool[]) AS a (position, form, plain)
CROSS JOIN LATERAL (
  SELECT x.word, x.holders FROM structure_word x WHERE a.plain AND x.word = a.form
  UNION ALL
  SELECT x.word, x.holders
  FROM (SELECT d.word FROM structure_deletion d WHERE NOT a.plain AND d.deletion = a.form OFFSET 0) d
  CROSS JOIN LATERAL (SELECT y.word, y.holders FROM structure_word y WHERE y.word = d.word LIMIT 1) x) w
"""

# A word as labels hold it, and how many structures do.
Terms = Mapping[str, int]


def word_of(term: str) -> Placeholder:
    """The bound value of a term as the postings have it (`bound`)."""
    return Placeholder(f"word {term}")


def within(term: str) -> Placeholder:
    """The bound value of a term as it stands within a label (`bound`)."""
    return Placeholder(f"within {term}")


def bound(terms: Iterable[str]) -> dict[str, str]:
    """The values of these terms, under the names that `word_of` and `within` give them."""
    return {f"word {term}": term for term in terms} | {f"within {term}": f" {term} " for term in terms}


@dataclass(frozen=True, slots=True)
class Asked:
    """One word asked for: the terms that are this word, in a name or a town, and those one edit away."""

    word: str
    same: Terms
    near: Terms

    @property
    def any(self) -> Terms:
        return {**self.same, **self.near}


def asked_words(name: str) -> list[str]:
    """The words of a folded name but articles; letters in a row (`c h u`) are one word, as in the dictionary."""
    return plain_words(LETTERS.sub(lambda letters: letters[0].replace(" ", ""), name))


def plain_words(folded: str) -> list[str]:
    """The words of a folded text but articles, each once."""
    return [word for word in dict.fromkeys(folded.split()) if word not in ARTICLES]


async def look_up(pool: Pool, words: Sequence[str]) -> list[Asked]:
    """What the dictionary holds of these words, in their order."""
    if not words:
        return []
    forms = [(at, form, plain) for at, word in enumerate(words) for form, plain in _forms(word)]
    parameters = dict(zip(("positions", "forms", "plain"), map(list, zip(*forms, strict=True)), strict=True))
    async with pool.connection() as connection:
        rows = await (await connection.execute(DICTIONARY, parameters)).fetchall()
    found: list[dict[str, int]] = [{} for _ in words]
    for at, term, holders in rows:
        found[at][term] = holders
    return [_asked(word, terms) for word, terms in zip(words, found, strict=True)]


def _forms(word: str) -> list[tuple[str, bool]]:
    forms = deletions(word) if len(word) >= SHORTEST_WITH_SLIP else []
    shortened = [(mark + form, False) for form in forms for mark in ("", TOWN)]
    return [(word, True), (TOWN + word, True), *shortened]


def _asked(word: str, terms: Terms) -> Asked:
    same = {term: terms[term] for term in (word, TOWN + word) if term in terms}
    near = {term: holders for term, holders in terms.items() if is_one_edit(word, term.removeprefix(TOWN))}
    nearest = sorted(near, key=lambda term: (-near[term], term))[:MOST_SPELLINGS]
    return Asked(word, same, {term: near[term] for term in nearest})

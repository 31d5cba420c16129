"""Slips of the finger: one letter too many, too few, another one, or two neighbours exchanged; and accents."""

import unicodedata
from random import Random

from app.sandbox.chance import happens, pick
from tests.search_corpus.people import bare

# Of the French keyboard: what the finger hits instead.
NEIGHBOURS = {
    "a": "zqe", "z": "aes", "e": "zrd", "r": "etf", "t": "ryg", "y": "tuh", "u": "yij", "i": "uok", "o": "ipl",
    "p": "om", "q": "asw", "s": "qdz", "d": "sfe", "f": "dgr", "g": "fht", "h": "gjy", "j": "hku", "k": "jli",
    "l": "kmo", "m": "lp", "w": "xq", "x": "wcs", "c": "xvd", "v": "cbf", "b": "vng", "n": "bh",
}  # fmt: skip
ACCENTS = {
    "a": "àâ", "c": "ç", "e": "éèêë", "i": "îï", "o": "ô", "u": "ùû", "à": "aâ", "â": "aà", "ç": "c",
    "é": "eèê", "è": "eéê", "ê": "eéè", "ë": "eé", "î": "iï", "ï": "iî", "ô": "o", "ù": "u", "û": "uù",
}  # fmt: skip
# A first letter is seldom missed: the hand waits there, and the eye looks at it.
FIRST_LETTER = 0.05


def one_letter(rng: Random, word: str) -> str:
    """The bare word with one letter too many, one too few, or one hit beside."""
    word, place = bare(word), 0
    if not happens(rng, FIRST_LETTER):
        place = 1 + int(rng.random() * (len(word) - 1))
    letter, draw = word[place], rng.random()
    if draw < 1 / 3:
        return word[:place] + word[place + 1 :]
    beside = pick(rng, NEIGHBOURS.get(letter, "aei"))
    if draw < 2 / 3:
        return word[:place] + beside + word[place + 1 :]
    # A key that was held too long, or one hit together with its neighbour.
    return word[:place] + (letter if happens(rng, 0.5) else beside) + word[place:]


def two_neighbours(rng: Random, word: str) -> str | None:
    """The bare word with two neighbouring letters in each other's place; None where all of them are alike."""
    word = bare(word)
    places = [at for at in range(1, len(word) - 1) if word[at] != word[at + 1]]
    if happens(rng, FIRST_LETTER) and word[0] != word[1]:
        places = [0]
    if not places:
        return None
    at = pick(rng, places)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def without_accents(text: str) -> str:
    """As on a keyboard that has none: the ligatures are spelt out."""
    return bare(text)


def decomposed(text: str) -> str:
    """Each accent as a character of its own, as names of files on some systems give it to who copies them."""
    return unicodedata.normalize("NFD", text)


def other_accent(rng: Random, text: str) -> str | None:
    """One letter under another accent, under one too many, or without its own; None where no letter takes any."""
    text = text.lower()
    places = [at for at, letter in enumerate(text) if letter in ACCENTS]
    if not places:
        return None
    at = pick(rng, places)
    return text[:at] + pick(rng, ACCENTS[text[at]]) + text[at + 1 :]

"""Domains that are easily taken for a listed one, and which listed one is meant.

A letter that goes to a wrong address lies in a wrong mailbox, or in nobody's. So a domain that is not listed is held
against all that are, by the ways in which people and forgers go wrong, the plainest first:

    confusable   letters that look the same, of any alphabet      ch-exemp1e, ch-exémple, xn--...
    separator    hyphens and dots mixed up or left out            ch.exemple, chexemple, a dot at the end
    labels       a listed name with labels before or after it     x.ch-exemple.mssante.fr, ch-exemple.mssante.fr.example
    edit         one letter too many, missing, wrong, or swapped  ch-exmple, ch-exepmle
    ending       another last label, or none                      ch-exemple.mssante.com, ch-exemple.mssante

The first way that fits anything is told. Nothing of it depends on any mailbox.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import chain, islice
from typing import NamedTuple, TypeVar

from app.mail_domains import ENCODED
from app.spelling import is_one_edit

K = TypeVar("K")

# More listed names than these say nothing to anybody.
MOST_ALIKE = 5
# RFC 1035 §2.3.4: a longer text is no domain name. The longest of the national list has seven labels (mssante.md §4).
LONGEST_DOMAIN, MOST_LABELS = 253, 20

SEPARATORS = str.maketrans("", "", ".-_ ")
# Each letter with those that look like it: Latin, Cyrillic, Greek, digits; i, l and 1 are one shape, as are o and 0.
_LOOKS = {
    "a": "\u0430\u03b1\u0251",
    "b": "\u0432\u03b2",
    "c": "\u0441\u03f2",
    "d": "\u0501\u0111",
    "e": "\u0435\u03b5",
    "g": "\u0261",
    "h": "\u04bb\u043d",
    "j": "\u0458",
    "k": "\u043a\u03ba",
    "l": "1i|\u0131\u0142\u0269\u0456\u04cf\u03b9",
    "m": "\u043c",
    "n": "\u03b7",
    "o": "0\u043e\u03bf\u00f8",
    "p": "\u0440\u03c1",
    "q": "\u051b",
    "s": "\u0455",
    "t": "\u0442\u03c4",
    "u": "\u03c5",
    "v": "\u0475\u03bd",
    "w": "\u051d\u03c9",
    "x": "\u0445\u03c7",
    "y": "\u0443",
    ".": "\u3002\u2024\u00b7",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2212",
}
LOOKS = str.maketrans({look: letter for letter, looks in _LOOKS.items() for look in looks})
# Two letters that stand close together and look like one.
PAIRS = (("rn", "m"), ("vv", "w"))


class Cause(StrEnum):
    """In which way a domain looks like a listed one."""

    CONFUSABLE = "confusable"
    SEPARATOR = "separator"
    LABELS = "labels"
    EDIT = "edit"
    ENDING = "ending"


class Alike(NamedTuple):
    """The listed domains that one looks like: at most MOST_ALIKE, in order of their names."""

    cause: Cause
    domains: tuple[str, ...]


class LookAlikes:
    """The listed domains, indexed by what they look like."""

    def __init__(self, names: Iterable[str]) -> None:
        ordered = sorted(set(names))
        self._names = frozenset(ordered)
        self._longest = max(map(len, ordered), default=0)
        self._shapes = _grouped(ordered, lambda name: (shape(name),))
        self._letters = _grouped(ordered, lambda name: (letters(name),))
        self._stems = _grouped(ordered, lambda name: (name.rpartition(".")[0],))
        # Of a text with one letter left out, its hash: half the memory, and what it finds is compared anyway.
        self._shortened = _grouped(ordered, lambda name: map(hash, shortened(name)))
        self._ways: tuple[tuple[Cause, Callable[[str], Iterable[str]]], ...] = (
            (Cause.CONFUSABLE, lambda domain: self._shapes.get(shape(domain), ())),
            (Cause.SEPARATOR, lambda domain: self._letters.get(letters(domain), ())),
            (Cause.LABELS, self._within),
            (Cause.EDIT, self._one_edit_away),
            (Cause.ENDING, self._with_another_ending),
        )

    def of(self, domain: str) -> Alike | None:
        """What a text that is no listed domain looks like. It need not be a domain name at all."""
        if len(domain) > LONGEST_DOMAIN or domain.count(".") >= MOST_LABELS:
            return None
        lowered = domain.lower()
        for cause, ways in self._ways:
            if found := tuple(islice(dict.fromkeys(ways(lowered)), MOST_ALIKE)):
                return Alike(cause, tuple(sorted(found)))
        return None

    def _within(self, domain: str) -> Iterator[str]:
        """Listed names that are all of `domain` but its first labels, or but its last ones; the longest first."""
        labels = domain.split(".")
        for gone in range(1, len(labels) - 1):
            for rest in (labels[gone:], labels[:-gone]):
                if (name := ".".join(rest)) in self._names:
                    yield name

    def _one_edit_away(self, domain: str) -> Iterator[str]:
        """Whatever is one edit away shares the text itself, or the text without one letter (one-deletion keys)."""
        if len(domain) > self._longest + 1:
            return
        for key in chain((domain,), shortened(domain)):
            if key in self._names:
                yield key
            for name in self._shortened.get(hash(key), ()):
                if is_one_edit(domain, name):
                    yield name

    def _with_another_ending(self, domain: str) -> Iterator[str]:
        for stem in (domain.rpartition(".")[0], domain):
            yield from self._stems.get(stem, ())


def shape(text: str) -> str:
    """A text as the eye takes it: accents, invisible characters, case and look-alike letters folded into one form."""
    plain = text if text.isascii() and ENCODED not in text else _visible(text)
    plain = plain.translate(LOOKS)
    for pair, letter in PAIRS:
        plain = plain.replace(pair, letter)
    return plain


def letters(text: str) -> str:
    """The shape of a text without what separates its parts."""
    return shape(text).translate(SEPARATORS)


def shortened(text: str) -> Iterator[str]:
    """The text with one letter left out, for each letter."""
    return (text[:at] + text[at + 1 :] for at in range(len(text)))


def _visible(text: str) -> str:
    """Encoded labels decoded, compatible forms made one (NFKD), what cannot be seen alone left out."""
    decoded = ".".join(map(_decoded, text.split(".")))
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", decoded).casefold())
    return "".join(each for each in parts if unicodedata.category(each) not in {"Mn", "Cf"})


def _decoded(label: str) -> str:
    """The letters that an encoded label stands for (RFC 3492); a label that is none stays as it is."""
    if not label.startswith(ENCODED):
        return label
    try:
        return label[len(ENCODED) :].encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _grouped(names: Iterable[str], keys: Callable[[str], Iterable[K]]) -> Mapping[K, tuple[str, ...]]:
    """The names under each of their keys, in the order given."""
    groups: dict[K, tuple[str, ...]] = {}
    for name in names:
        for key in dict.fromkeys(keys(name)):
            groups[key] = (*groups.get(key, ()), name)
    return groups

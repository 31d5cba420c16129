"""The classes of mistakes. Each writes a person's name wrongly, or says None: this name does not lend itself to it."""

import re
from collections.abc import Callable, Mapping
from random import Random

from app.sandbox.chance import happens, pick
from tests.search_corpus.by_ear import by_ear
from tests.search_corpus.people import Person, bare
from tests.search_corpus.slips import decomposed, one_letter, other_accent, two_neighbours, without_accents

SHORTEST = 4
# Most people have no particle; the corpus is about those who have one.
ADDED = 0.1
FRENCH = ("de la ", "des ", "de ", "du ", "de l'", "d'", "le ", "la ", "l'")
PARTICLE = re.compile(rf"^({'|'.join(FRENCH)}|van den |van |von |ben |el |da |dos )(?=[^\W\d_]{{3}})")
# Names that look like an article and a word: who hears them cannot know.
ARTICLE = re.compile(r"^(le|la|du|de|des)(?=[bcdfglmnprstv][aeiouhlr]\w{2})")
SAINT = re.compile(r"\b(saint)(e?)([- ])", re.IGNORECASE)
SEPARATOR = re.compile(r"(?<=\w)[ '\u2019-]+(?=\w)")
ELISIONS = "'\u2019"
CIVILITIES = (
    "Dr", "Dr.", "Docteur", "Pr", "Pr.", "Professeur", "Mme", "M.", "Monsieur", "Madame", "Mlle", "Mme le Dr",
    "Monsieur le Professeur", "le docteur",
)  # fmt: skip


def accent(rng: Random, person: Person) -> str | None:
    """Accents left out, taken apart, wrong, or where none belongs."""
    name = person.family + person.given
    if bare(name) != name.lower() and happens(rng, 0.7):
        change = decomposed if happens(rng, 0.25) else without_accents
        return in_one_box(rng, change(person.family), change(person.given))
    if happens(rng, 0.5):
        given = other_accent(rng, person.given)
        return given and in_one_box(rng, person.family, given)
    family = other_accent(rng, person.family)
    return family and in_one_box(rng, family, person.given)


def edit(rng: Random, person: Person) -> str | None:
    """One letter of the family name inserted, deleted or replaced."""
    return _in_family(rng, person, one_letter)


def swap(rng: Random, person: Person) -> str | None:
    """Two neighbouring letters of the family name exchanged."""
    return _in_family(rng, person, two_neighbours)


def phonetic(rng: Random, person: Person) -> str | None:
    """The family name written by ear."""
    return _in_family(rng, person, by_ear)


def particle(rng: Random, person: Person) -> str | None:
    """A particle dropped, joined to the name, another one, one too many; a name taken for one with an article."""
    family, found = bare(person.family), PARTICLE.match(bare(person.family))
    if found:
        rest, draw = family[found.end() :], rng.random()
        if draw < 0.4:
            family = rest
        elif draw < 0.75 or found[1] not in FRENCH:
            family = re.sub(r"[ ']", "", found[1]) + rest
        else:
            elided = "d'" if rest[0] in "aeiouh" else "du "
            other = pick(rng, [each for each in ("de ", "de la ", "le ", elided) if each != found[1]])
            family = other + rest
    elif split := ARTICLE.match(family):
        family = f"{split[1]} {family[split.end() :]}"
    elif happens(rng, ADDED):
        family = pick(rng, ("de ", "d'" if family[0] in "aeiouh" else "de la ")) + family
    else:
        return None
    return in_one_box(rng, family, person.given)


def hyphen(rng: Random, person: Person) -> str | None:
    """Hyphens, spaces, apostrophes and dots in each other's place or left out; Saint and St."""
    family, given = (_separated(rng, each) for each in person)
    if family == person.family and given == person.given:
        return None
    return in_one_box(rng, family, given)


def inversion(rng: Random, person: Person) -> str | None:
    """Given name first, with a comma or without; the halves of a double name exchanged."""
    family, given = person
    halves = family.split("-")
    if len(halves) == 2 and happens(rng, 0.6):
        family = f"{halves[1]}-{halves[0]}"
        return in_one_box(rng, family, given)
    if "-" in given and happens(rng, 0.3):
        return in_one_box(rng, family, "-".join(reversed(given.split("-"))))
    return pick(rng, (f"{given} {family}", f"{family}, {given}", f"{given}, {family}")).lower()


def civility(rng: Random, person: Person) -> str | None:
    """A title before the name, seldom after it."""
    title = pick(rng, CIVILITIES)
    if happens(rng, 0.3):
        title = title.lower()
    name = in_one_box(rng, person.family, person.given)
    return f"{name}, {title}" if happens(rng, 0.1) else f"{title} {name}"


def given_name(rng: Random, person: Person) -> str | None:
    """The given name misspelt, or the first of several only."""
    parts = re.split(r"[ -]", person.given)
    if len(parts) > 1 and happens(rng, 0.3):
        return in_one_box(rng, person.family, parts[0])
    wrong = pick(rng, (one_letter, two_neighbours, by_ear, by_ear))
    changed = _in_a_word(rng, person.given, wrong)
    return changed and in_one_box(rng, person.family, changed)


MISTAKES: Mapping[str, Callable[[Random, Person], str | None]] = {
    "accent": accent,
    "edit": edit,
    "swap": swap,
    "particle": particle,
    "hyphen": hyphen,
    "phonetic": phonetic,
    "inversion": inversion,
    "civility": civility,
    "given": given_name,
}


def in_one_box(rng: Random, family: str, given: str) -> str:
    """Both names as they are typed: either one first, and seldom in the case of the directory."""
    text = f"{family} {given}" if happens(rng, 0.5) else f"{given} {family}"
    draw = rng.random()
    if draw < 0.65:
        return text.lower()
    return text.upper() if draw < 0.75 else text


def _in_family(rng: Random, person: Person, wrong: Callable[[Random, str], str | None]) -> str | None:
    changed = _in_a_word(rng, person.family, wrong)
    return changed and in_one_box(rng, changed, person.given)


def _in_a_word(rng: Random, name: str, wrong: Callable[[Random, str], str | None]) -> str | None:
    """One word of the name written wrongly; short words are not: they would be other names."""
    places = [found for found in re.finditer(r"[^\W\d_]+", name) if len(found[0]) >= SHORTEST]
    if not places:
        return None
    place = pick(rng, places)
    word = wrong(rng, place[0])
    return word and name[: place.start()] + word + name[place.end() :]


def _separated(rng: Random, name: str) -> str:
    saint = SAINT.search(name)
    if saint and happens(rng, 0.6):
        return SAINT.sub(lambda found: f"st{found[2]}{pick(rng, ('-', ' ', '. '))}", name).lower()
    if not SEPARATOR.search(name):
        return name
    mark, elision = pick(rng, ("", " ", "-", " - ", ".")), pick(rng, ("", " ", "'", "\u2019", "\u00b4", "-"))
    return SEPARATOR.sub(lambda found: elision if found[0] in ELISIONS else mark, name)

"""Names as the national files spell them: accented or not, any case, with particles, several given names at once."""

import unicodedata
from dataclasses import dataclass
from random import Random

from app.sandbox.chance import happens, pick, spread
from app.sandbox.files import data_lines

_PARTICLES = ("DE ", "DE LA ", "DU ", "LE ", "LA ", "D'", "VAN ", "EL ")
_ELISIONS = ("D'", "L'", "O'", "D\u2019", "N'")
_ACCENTS = ("EÉ", "EÈ", "EÊ", "EË", "AÂ", "AÀ", "CÇ", "IÎ", "IÏ", "OÔ", "UÛ", "UÜ", "YŸ", "NÑ", "RŘ", "LŁ", "OØ")
_FAMILY_FORMS = spread(
    [("plain", 0.78), ("hyphen", 0.06), ("particle", 0.03), ("apostrophe", 0.01), ("accent", 0.12)],
)
# The hundred most frequent families are those of 6 % of the people, the other listed ones of 4 %.
_COMMON_SHARE, _FREQUENT_SHARE = 0.06, 0.10
_TOP_GIVEN_SHARE = 0.56  # of the simple given names, 45 % of all
_MAX_POOL = 262_144


@dataclass(frozen=True, slots=True)
class Names:
    """Names drawn beforehand: picking from a pool costs a tenth of composing, and the shares stay those of the pool."""

    families: list[str]
    given_female: list[str]
    given_male: list[str]


def draw_names(rng: Random, professionals: int) -> Names:
    size = min(_MAX_POOL, max(4_096, 2 * professionals))
    common = data_lines("families.txt")
    families = [name for line in common for name in line.split()]
    composed = _composed_families()
    return Names(
        families=[_family(rng, families, composed) for _ in range(size)],
        given_female=[_given(rng, "given_female.txt") for _ in range(size // 4)],
        given_male=[_given(rng, "given_male.txt") for _ in range(size // 4)],
    )


def _composed_families() -> list[str]:
    """About a hundred thousand plausible names that are nobody's in particular."""
    starts, middles, ends = (line.split() for line in data_lines("syllables.txt"))
    return [start + middle + end for start in starts for middle in middles for end in ends]


def _family(rng: Random, families: list[str], composed: list[str]) -> str:
    form = pick(rng, _FAMILY_FORMS)
    name = _base_family(rng, families, composed)
    if form == "hyphen":
        name = f"{name}-{_base_family(rng, families, composed)}"
    elif form == "particle":
        name = pick(rng, _PARTICLES) + name
    elif form == "apostrophe":
        name = f"{pick(rng, _ELISIONS)}{pick(rng, 'AEO')}{name}"
    elif form == "accent":
        name = _accented(rng, name)
    return _cased(rng, name, upper=0.84)


def _base_family(rng: Random, families: list[str], composed: list[str]) -> str:
    draw = rng.random()
    if draw < _COMMON_SHARE:
        return pick(rng, families[:100])
    if draw < _FREQUENT_SHARE:
        return pick(rng, families[100:])
    return pick(rng, composed)


def _accented(rng: Random, name: str) -> str:
    """A name that really bears an accent, or `name` with one."""
    if happens(rng, 0.15):
        return pick(rng, [known for line in data_lines("families_accented.txt") for known in line.split()])
    start = int(rng.random() * len(_ACCENTS))
    for pair in _ACCENTS[start:] + _ACCENTS[:start]:
        if pair[0] in name:
            return name.replace(pair[0], pair[1], 1)
    return name


def _given(rng: Random, source: str) -> str:
    top, others = (line.split() for line in data_lines(source))
    name = pick(rng, top if happens(rng, _TOP_GIVEN_SHARE) else others)
    if happens(rng, 0.15):
        name = f"{name}-{pick(rng, top)}"
    if happens(rng, 0.08):
        name = f"{name} {pick(rng, others)}"
    if happens(rng, 0.001):
        name = f'{name} "{name[:2]}"'
    if happens(rng, 0.25):
        name = unaccented(name)
    return _cased(rng, name, upper=0.40)


def _cased(rng: Random, name: str, upper: float) -> str:
    if happens(rng, upper):
        return name.upper()
    return name.lower() if happens(rng, 0.05) else name.title()


def _folds() -> dict[int, str | None]:
    folds: dict[int, str | None] = {ord(letter): None for letter in "'\u2019\" "}
    for code in range(0x80, 0x250):
        folds.setdefault(code, unicodedata.normalize("NFKD", chr(code)).encode("ascii", "ignore").decode())
    return folds | str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "ß": "ss", "đ": "d"})


_FOLDS = _folds()
_CAPITALS = str.maketrans({"Œ": "OE", "Æ": "AE", "Ø": "O", "Ł": "L"})


def unaccented(text: str) -> str:
    """The text in plain letters; case, spaces and apostrophes stay."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_CAPITALS))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def mail_word(name: str) -> str:
    """The name as it stands in addresses: lower case, no accent, apostrophe or space; hyphens stay."""
    return name.lower().translate(_FOLDS)

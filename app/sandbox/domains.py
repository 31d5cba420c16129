"""Mail domains: names, Zipf-like sizes, and who draws which.

The first domains are those of the professions, reached by profession; then one of a hospital, a common one and a
gateway with fixed names, which documents and tests use; the others are drawn by weights after the sizes of August 2026.
"""

from bisect import bisect
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from math import exp, log
from random import Random

from app.sandbox.chance import pick, spread
from app.sandbox.files import data_lines

# Measured (rank, boxes) of the 5,018 domains.
ANCHORS = (
    (1, 62_151), (10, 12_400), (11, 7_030), (50, 1_193), (502, 87), (1_001, 30),
    (1_806, 10), (2_509, 4), (3_600, 2), (4_300, 1), (5_018, 1),
)  # fmt: skip
NATIONAL_DOMAINS, NATIONAL_PROFESSIONALS = 5_018, 1_912_833
_MIN_DOMAINS = 16
_DOMAIN_GROWTH = 0.6
# Ranks taken by the domains of professions, in the order of PROFESSION_DOMAINS; the last two are small.
_PROFESSION_RANKS = {1, 2, 3, 4, 6, 8}
PROFESSION_DOMAINS = {
    "10": "medecin", "60": "infirmier", "70": "masseur-kinesitherapeute", "21": "pharmacien",
    "50": "sage-femme", "40": "chirurgien-dentiste", "91": "orthophoniste", "80": "pedicure-podologue",
}  # fmt: skip
UNLISTED_DOMAIN = "hors-liste-exemple.mssante.fr"
GATEWAY_DOMAIN = "interop-exemple.mssante.fr"
_WORDS = spread(
    [("ch", 0.22), ("ehpad", 0.12), ("clinique", 0.08), ("hopital", 0.05), ("chu", 0.02), ("ssiad", 0.02),
     ("had", 0.02), ("msp", 0.1), ("cds", 0.1), ("labo", 0.07), ("sante", 0.2)]
)  # fmt: skip
_GROUPS = ("nord-exemple", "sud-exemple", "groupe-alpha", "groupe-beta", "outremer-exemple")
_SHAPES = spread(
    [("{word}-{place}", 0.5), ("{place}", 0.36), ("{place}.{group}", 0.137), ("{word}.{place}.{group}", 0.005)]
)


@dataclass(frozen=True, slots=True)
class Domains:
    """All domains of a set, largest first within each part; a domain is named by its index in `names`."""

    names: list[str]
    _cumulated: list[float] = field(repr=False)
    _by_profession: dict[str, int]

    @property
    def network(self) -> int:
        """The hospital domain with a fixed name."""
        return len(self._by_profession)

    @property
    def common(self) -> int:
        """The domain with a fixed name that serves every profession."""
        return self.network + 1

    @property
    def used(self) -> int:
        """How many domains have mailboxes; names after them are the next day's."""
        return self.network + len(self._cumulated)

    def of_profession(self, code: str) -> int:
        return self._by_profession[code]

    def draw_local(self, rng: Random) -> int:
        """A domain that belongs to no profession, the large ones more often."""
        return self.network + bisect(self._cumulated, rng.random() * self._cumulated[-1])


def domain_count(professionals: int) -> int:
    """Fewer domains for fewer people, but less than in proportion: half a country has most of its domains."""
    share: float = (professionals / NATIONAL_PROFESSIONALS) ** _DOMAIN_GROWTH
    return max(_MIN_DOMAINS, round(NATIONAL_DOMAINS * share))


def draw_domains(rng: Random, professionals: int, extra: int = 0) -> Domains:
    """The domains of a set; `extra` further names at the end have no mailboxes yet."""
    count = domain_count(professionals)
    names = [f"{word}-exemple.mssante.fr" for word in (*PROFESSION_DOMAINS.values(), "ch", "pro", "interop")]
    names += _local_names(rng, count - len(names) + extra)
    locals_ = count - len(PROFESSION_DOMAINS)
    ranks = [rank for rank in range(1, count + 1) if rank not in _PROFESSION_RANKS][:locals_]
    weights = [size_at(rank) for rank in ranks]
    return Domains(names, list(accumulate(weights)), {code: index for index, code in enumerate(PROFESSION_DOMAINS)})


def size_at(rank: int) -> float:
    """Boxes of the national domain of this rank, log-linear between the anchors; a small set takes the first ranks."""
    for (low, high_size), (high, low_size) in pairwise(ANCHORS):
        if rank <= high:
            part = (log(rank) - log(low)) / (log(high) - log(low))
            return exp(log(high_size) + part * (log(low_size) - log(high_size)))
    return 1.0


def _local_names(rng: Random, count: int) -> list[str]:
    syllables = [line.lower().split() for line in data_lines("syllables.txt")]
    names: dict[str, None] = {}
    while len(names) < count:
        place = "".join(pick(rng, part) for part in syllables)
        shape = pick(rng, _SHAPES).format(word=pick(rng, _WORDS), place=place, group=pick(rng, _GROUPS))
        names[f"{shape}.mssante.fr"] = None
    return list(names)

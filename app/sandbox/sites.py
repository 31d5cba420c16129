"""FINESS sites: the file `etalab-cs1100502`, and what other files repeat of a site."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from random import Random

from app.sandbox import numbers
from app.sandbox.chance import happens, pick, spread
from app.sandbox.domains import Domains
from app.sandbox.files import data_lines, data_table
from app.sandbox.places import Address, draw_address, draw_town, town_named

SITES_PER_PROFESSIONAL = 103_023 / 1_912_833
_MIN_SITES = 24
_ENTITY_EVERY = 3  # a legal entity keeps this many sites in a row: hospitals and their homes
# The first site, which documents and tests name, is on the mainland; every set has sites in Corsica and overseas.
_FIXED_TOWNS = {0: "25000", 11: "20000", 12: "97150", 13: "98600"}
_KINDS = spread(((kind, float(kind["weight"])) for kind in data_table("site_kinds.tsv")), slots=1_000)
_PREFIXES = {"2A": "2A99", "2B": "2B99", "9J": "9899"}


@dataclass(frozen=True, slots=True)
class Structure:
    """What activity and mailbox rows say of a structure, as ready-made columns."""

    activity_columns: str  # 20 to 40: SIRET … country
    phone: str
    former_id: str
    sector: str  # columns 49-50
    mailbox_id: str  # columns 6-7 of the extraction, empty for an R… practice
    mailbox_columns: str  # 19 to 31
    domain: int  # index of the mail domain of its people


NOWHERE = Structure("|" * 20, "", "", "|", "|", "|" * 12, -1)


@dataclass(frozen=True, slots=True)
class Site:
    structure: Structure
    kind: str
    finess: str
    finess_line: str


def site_count(professionals: int) -> int:
    return max(_MIN_SITES, round(professionals * SITES_PER_PROFESSIONAL))


class SiteMaker:
    """Makes site after site; keeps the counters that make their numbers unique."""

    def __init__(self, rng: Random, domains: Domains) -> None:
        self._rng = rng
        self._domains = domains
        self._made = 0
        self._by_prefix: dict[str, int] = {}
        self._sectors = {
            row["code"]: row["label"] for row in data_table("TRE_R02-SecteurActivite.tsv", "app.terminology")
        }
        self._syllables = [line.split() for line in data_lines("syllables.txt")]

    def sites(self, count: int) -> Iterator[Site]:
        for _ in range(count):
            yield self._site()

    def _site(self) -> Site:
        rng, index = self._rng, self._made
        self._made += 1
        kinds = data_table("site_kinds.tsv")
        kind = kinds[index] if index < len(kinds) else pick(rng, _KINDS)  # every kind occurs, however small the set
        town = town_named(_FIXED_TOWNS[index]) if index in _FIXED_TOWNS else draw_town(rng)
        address = draw_address(rng, town)
        finess = self._finess(index, address.department)
        entity = index // _ENTITY_EVERY
        of_siren = numbers.siren(entity)
        siret = "" if happens(rng, 0.1) else numbers.siret(of_siren, 1 + index % _ENTITY_EVERY)
        name = f"{kind['prefix']} {''.join(pick(rng, part) for part in self._syllables)}"
        if index == 0:
            name = "CH EXEMPLE"
        elif index == len(kinds) or happens(rng, 0.005):
            name = name.replace(" DE ", ' "') + '"'
        phone = numbers.phone(index) if happens(rng, 0.84) else ""
        domain = self._domains.network if index == 0 else self._domains.draw_local(rng)
        structure = Structure(
            activity_columns="|".join(
                (siret, of_siren if siret else "", finess, numbers.legal_finess(entity), f"F{finess}", name, "")
            )
            + f"|{address.activity_columns}",
            phone=phone,
            former_id=f"1{finess}",
            sector=f"{kind['sector']}|{self._sectors[kind['sector']]}",
            mailbox_id=f"1|1{finess}",
            mailbox_columns=f"{name}||{address.mailbox_columns}",
            domain=domain,
        )
        line = self._finess_line(finess, entity, name, address, phone, siret, kind)
        return Site(structure, kind["kind"], finess, line)

    def _finess(self, index: int, department: str) -> str:
        if department in _PREFIXES or (department[:1] == "9" and department[1:].isalpha()):
            prefix = _PREFIXES.get(department, "9799")
            self._by_prefix[prefix] = number = self._by_prefix.get(prefix, 0) + 1
            return numbers.with_check_digit(f"{prefix}{number:04d}")
        return numbers.with_check_digit(f"99{index + 1:06d}")

    def _finess_line(
        self, finess: str, entity: int, name: str, address: Address, phone: str, siret: str, kind: dict[str, str]
    ) -> str:
        """One line of the stock: the record type, 30 fields and an empty last cell."""
        opened = self._day(1960, 2024)
        cells = (
            "structureet", finess, numbers.legal_finess(entity), name[:38], name, "",
            address.recipient, address.number, address.street_type, address.street, address.repetition,
            address.distribution, finess_commune(address), address.department, address.department_label, address.line6,
            phone, "", kind["category"], kind["label"], kind["group"], kind["group_label"], siret, "8610Z",
            "", "", "", "", opened, opened, self._day(2024, 2026), "",
        )  # fmt: skip
        out = io.StringIO()
        csv.writer(out, delimiter=";", lineterminator="").writerow(cells)
        return out.getvalue()

    def _day(self, first_year: int, year_after: int) -> str:
        years = int(self._rng.random() * (year_after - first_year))
        return date(first_year + years, 1 + int(self._rng.random() * 12), 1 + int(self._rng.random() * 28)).isoformat()


def finess_commune(address: Address) -> str:
    """The commune as FINESS writes it: 3 digits inside the department, Saint-Martin under its old number 127."""
    return "127" if address.insee == "97801" else address.insee[2:]


def finess_head(day: date) -> str:
    """First line of the stock; there are no column names."""
    return f"finess;etalab;111;{day.isoformat()}"

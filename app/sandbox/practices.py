"""Activities: where a person works and how, as ready-made columns of Personne_activite."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from app.sandbox import numbers
from app.sandbox.chance import happens, pick, spread
from app.sandbox.domains import Domains
from app.sandbox.files import data_table
from app.sandbox.places import Address
from app.sandbox.professions import NO_CODE, Profession, kind_columns, role_columns, section_columns
from app.sandbox.sites import NOWHERE, Site, Structure

_MODES = {"L": "L|Libéral", "S": "S|Salarié", "B": "B|Bénévole", "": "|"}
_SECTORS = {row["code"]: row["label"] for row in data_table("TRE_R02-SecteurActivite.tsv", "app.terminology")}
_LIBERAL_PLACES = spread([("practice", 0.76), ("company", 0.1), ("site", 0.14)], slots=100)
_EMPLOYEE_PLACES = spread([("site", 0.73), ("company", 0.25), ("practice", 0.02)], slots=100)
_PRACTICE_SECTORS = spread([("SA07", 0.6), ("SA08", 0.3), ("SA09", 0.1)], slots=10)
_COMPANY_SECTORS = ("SA42", "SA13", "SA15", "SA28", "SA32", "SA43")
_COMPANY_NAMES = ("SOCIETE EXEMPLE", "SELARL EXEMPLE", "ASSOCIATION EXEMPLE", "OPTIQUE EXEMPLE", "AUDITION EXEMPLE")
_PHONE_SHARE = 0.27  # telephones are missing on 73 % of the active places
_REMEMBERED_COMPANIES = 2_000
_RPPS_LENGTH = 11
_BAD_CHECK_EVERY, _BAD_CHECK_AT = 20_000, 7  # a rare wrong check digit, as the field has
RANKS = 16  # more than a person can have activities: makes practice numbers unique


@dataclass(frozen=True, slots=True)
class Activity:
    """One activity of a person: columns 18-19, 20-40, 41, 44, 47 and 49-56 of Personne_activite."""

    mode: str
    structure: Structure
    phone: str
    email: str
    former_id: str
    section: str
    role: str
    kind: str


class Workplaces:
    """All places to work at, and the counter that makes companies outside FINESS unique."""

    def __init__(self, sites: Sequence[Site], addresses: Sequence[Address], domains: Domains) -> None:
        self.sites = sites
        self.companies: list[Structure] = []
        self._domains = domains
        # The same addresses serve many practices: their columns are written once.
        self._addresses = [(address.activity_columns, address.mailbox_columns) for address in addresses]
        self._by_kind: dict[str, list[Structure]] = {}
        self._made_companies = 0
        for site in sites:
            self._by_kind.setdefault(site.kind, []).append(site.structure)

    def draw_activity(
        self, rng: Random, profession: Profession, holder: str, family: str, number: int, *, idle: bool
    ) -> Activity:
        """An activity of the person of this number (RPPS or ADELI) and name; `number` is unique over all activities."""
        liberal = happens(rng, profession.liberal)
        if idle:
            mode = "" if happens(rng, 0.15) else "L" if liberal else "S"
            return Activity(_MODES[mode], NOWHERE, "", "", "", NO_CODE, NO_CODE, NO_CODE)
        is_pharmacist = profession.code == "21"
        place = "site" if is_pharmacist else pick(rng, _LIBERAL_PLACES if liberal else _EMPLOYEE_PLACES)
        kind = "P" if is_pharmacist and liberal else pick(rng, profession.sites)
        structure = self._structure(rng, place, kind, holder, family, number)
        mode = "L" if liberal else "B" if happens(rng, 0.004) else "S"
        return Activity(
            mode=_MODES[mode],
            structure=structure,
            phone=structure.phone if structure.phone and happens(rng, _PHONE_SHARE) else "",
            email=f"contact@cabinet-{number}.example" if happens(rng, 0.02) else "",
            former_id=structure.former_id,
            section=section_columns(profession.code, kind, liberal=liberal),
            role=role_columns(rng, profession.code, liberal=liberal),
            kind=kind_columns(rng),
        )

    def _structure(self, rng: Random, place: str, kind: str, holder: str, family: str, number: int) -> Structure:
        if place == "site":
            structures = self._by_kind[kind]
            return structures[int(rng.random() ** 2 * len(structures))]  # squared: some sites are large
        if place == "practice":
            return self.practice(holder, family, number, pick(rng, self._addresses)[0], pick(rng, _PRACTICE_SECTORS))
        return self._company(rng)

    def practice(self, holder: str, family: str, number: int, address_columns: str, sector: str = "SA07") -> Structure:
        """A liberal practice place of one person: a technical number R…, known by the holder's number and a rank."""
        technical = f"R9999{number:010d}"
        rank = 1 + number % RANKS
        former = f"4{holder}{rank:03d}" if len(holder) == _RPPS_LENGTH else f"0{holder}{rank:02d}"
        return Structure(
            activity_columns=f"||||{technical}|CABINET {family.upper()}||{address_columns}",
            phone=numbers.phone(number),
            former_id=former,
            sector=f"{sector}|{_SECTORS[sector]}",
            mailbox_id="|",
            mailbox_columns="",
            domain=-1,
        )

    def _company(self, rng: Random) -> Structure:
        siret = numbers.company_siret(self._made_companies)
        if self._made_companies % _BAD_CHECK_EVERY == _BAD_CHECK_AT:
            siret = siret[:-1] + str((int(siret[-1]) + 1) % 10)
        self._made_companies += 1
        activity_columns, mailbox_columns = pick(rng, self._addresses)
        name, sector = pick(rng, _COMPANY_NAMES), pick(rng, _COMPANY_SECTORS)
        trade_name = name if happens(rng, 0.2) else ""
        company = Structure(
            activity_columns=f"{siret}|{siret[:9]}|||C{siret}|{name}|{trade_name}|{activity_columns}",
            phone=numbers.phone(self._made_companies),
            former_id=f"3{siret}",
            sector=f"{sector}|{_SECTORS[sector]}",
            mailbox_id=f"3|3{siret}",
            mailbox_columns=f"{name}||{mailbox_columns}",
            domain=self._domains.draw_local(rng),
        )
        if len(self.companies) < _REMEMBERED_COMPANIES:
            self.companies.append(company)
        return company

"""Postal addresses with the quirks of the field: no commune, number "P", type typed into the street, CEDEX, abroad."""

import re
from dataclasses import dataclass
from random import Random

from app.sandbox.chance import happens, pick, spread
from app.sandbox.files import data_table
from app.sandbox.names import unaccented

OVERSEAS_SHARE, CORSICA_SHARE, FOREIGN_SHARE = 0.03, 0.006, 0.0005
_MAX_POOL = 65_536
_ARRONDISSEMENT = re.compile(r" \d+e Arrondissement$")


@dataclass(frozen=True, slots=True)
class Address:
    """One address; `commune` is as printed, often empty, `insee` the true one; `department` as FINESS writes it."""

    recipient: str = ""
    building: str = ""
    number: str = ""
    repetition: str = ""
    street_type: str = ""
    street_type_label: str = ""
    street: str = ""
    distribution: str = ""
    line6: str = ""
    postal_code: str = ""
    commune: str = ""
    city: str = ""
    country_code: str = ""
    country: str = ""
    department: str = ""
    department_label: str = ""
    insee: str = ""

    @property
    def activity_columns(self) -> str:
        """Columns 27 to 40 of Personne_activite."""
        return (
            f"{self.recipient}|{self.building}|{self.number}|{self.repetition}|{self.street_type}|"
            f"{self.street_type_label}|{self.street}|{self.distribution}|{self.line6}|{self.postal_code}|"
            f"{self.commune}|{self.city}|{self.country_code}|{self.country}"
        )

    @property
    def mailbox_columns(self) -> str:
        """Columns 21 to 31 of the mailbox extraction."""
        country = self.country.upper() or "FRANCE"
        return (
            f"{self.recipient}|{self.building}|{self.number}|{self.repetition}|{self.street_type}|{self.street}|"
            f"{self.distribution}|{self.line6}|{self.postal_code}|{self.department}|{country}"
        )


def _towns() -> list[dict[str, str]]:
    def weight(town: dict[str, str]) -> float:
        if town["finess_department"][0] == "9" and town["finess_department"][1].isalpha():
            return OVERSEAS_SHARE / 10
        if town["finess_department"] in {"2A", "2B"}:
            return CORSICA_SHARE / 4
        return (1 - OVERSEAS_SHARE - CORSICA_SHARE) / 103

    return spread(((town, weight(town)) for town in data_table("communes.tsv")), slots=10_000)


_TOWNS = _towns()
_CEDEX = ("CEDEX", "CEDEX 1", "CEDEX 2", "CEDEX 9")
ABROAD = Address(line6="GL 5O 9ZZ CHELTENHAM", postal_code="GL", country_code="99132", country="Royaume-uni")


def town_named(postal_code: str) -> dict[str, str]:
    """The first town with this postal code, from the shipped list."""
    return next(town for town in data_table("communes.tsv") if town["postal_code"] == postal_code)


def address_pool(rng: Random, professionals: int) -> list[Address]:
    """Addresses of practices; some are shared by many, as medical houses are."""
    count = min(_MAX_POOL, max(512, professionals // 2))
    return [ABROAD if happens(rng, FOREIGN_SHARE) else draw_address(rng, draw_town(rng)) for _ in range(count)]


def _routing_name(label: str) -> str:
    """The town as line 6 writes it: capitals, no accent, no arrondissement."""
    return unaccented(_ARRONDISSEMENT.sub("", label)).upper()


def draw_town(rng: Random) -> dict[str, str]:
    return pick(rng, _TOWNS)


def draw_address(rng: Random, place: dict[str, str]) -> Address:
    street = pick(rng, data_table("streets.tsv"))
    number, repetition = str(1 + int(rng.random() * 180)), ""
    street_type, street_label, name = street["code"], street["label"], street["name"]
    if happens(rng, 0.05):
        street_type, street_label, name = "", "", f"{street['code'][0]} {name}"
    if happens(rng, 0.01):
        name = name.replace(" ", "  ", 1)
    if happens(rng, 0.004):
        number = "P"
    elif happens(rng, 0.03):
        repetition = pick(rng, "BTA")
    line6, distribution = f"{place['postal_code']} {_routing_name(place['label'])}", ""
    if happens(rng, 0.04):
        line6, distribution = f"{line6} {pick(rng, _CEDEX)}", f"{pick(rng, ('BP', 'CS'))} {int(rng.random() * 90_000)}"
    has_commune, has_country = happens(rng, 0.617), happens(rng, 0.5)
    return Address(
        recipient="CENTRE MEDICAL" if happens(rng, 0.03) else "",
        building=f"BATIMENT {pick(rng, 'ABCDE')}" if happens(rng, 0.05) else "",
        number=number,
        repetition=repetition,
        street_type=street_type,
        street_type_label=street_label,
        street=name,
        distribution=distribution,
        line6=line6,
        postal_code=place["postal_code"],
        commune=place["commune"] if has_commune else "",
        city=place["label"] if has_commune else "",
        country_code="99000" if has_country else "",
        country="France" if has_country else "",
        department=place["finess_department"],
        department_label=place["department_label"],
        insee=place["commune"],
    )

"""FINESS+ structures: the sites of the FINESS stock in the form that replaced it, with their legal entities.

Some sites that closed long ago stand between the others, as in the real file, and are in no other file.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

from app.sandbox import numbers
from app.sandbox.files import LineFile

_CLOSED_EVERY = 10  # legal entities
_STOCK = (
    "finess", "legal", "name", "long_name", "name_extra", "recipient", "number", "street_type", "street", "repetition",
    "distribution", "commune", "department", "department_label", "line6", "phone", "fax", "category", "label", "group",
    "group_label", "siret", "ape", "tariff", "tariff_label", "service", "service_label", "opened", "authorised",
    "updated",
)  # fmt: skip
Site = dict[str, str]
Member = dict[str, object]


def write_finess_plus(out: LineFile, finess_lines: Iterable[str], stamp: datetime) -> None:
    """The document whose sites are those of these lines of the stock, which come legal entity by legal entity."""
    out.head(f'{{"schemaVersion":"v1.0.0","generatedAt":"{stamp.isoformat()}Z","gcc":[],"gco":[],"pmej":[')
    before = ""
    for legal, group in groupby(_sites(finess_lines), key=lambda site: site["legal"]):
        sites = list(group)
        # The members of the entity itself, its object left open for the list of its sites.
        out.row(before + _text(_legal_entity(legal, sites[0]))[:-1] + ',"ege":[')
        objects = [_site(site) for site in sites]
        if int(legal[2:8]) % _CLOSED_EVERY == 0:
            objects.append(_closed_site(legal, sites[0]))
        for number, each in enumerate(objects):
            out.row(("," if number else "") + _text(each))
        out.head("]}")
        before = ","
    out.head("]}")


def _sites(lines: Iterable[str]) -> Iterator[Site]:
    for _, *cells in csv.reader(lines, delimiter=";"):
        yield dict(zip(_STOCK, cells[: len(_STOCK)], strict=True))


def _legal_entity(legal: str, site: Site) -> Member:
    return {
        "informationsGeneralesPMEJ": _given(
            pmSmsseId=legal.lstrip("9"),
            dateCreation=site["opened"],
            denominationLonguePmSmsse=f"GESTIONNAIRE DE {site['long_name']}",
            denominationPm=f"GESTIONNAIRE DE {site['name']}"[:38].strip(),
            numFinessPm=legal,
            siren=site["siret"][:9],
            statutJuridique="73",
            typePersonneMorale="01",
        ),
        "etatObjet": "A",
        "dateDerniereMaj": f"{site['updated']} 00:00:00",
        "adresse": [_address(site, "02")],
        "contact": _contact(site),
        "engagement": [],
        "evenement": [],
    }


def _site(site: Site) -> Member:
    return {
        "informationsGeneralesEGE": _given(
            egeId=site["finess"][2:].lstrip("0"),
            complementDenominationEg=site["name_extra"],
            dateFermeture=site.get("closed", ""),
            dateOuverture=site["opened"],
            datePremiereAutorisation=site["authorised"],
            nomEgeCourt=site["name"],
            nomEgeLong=site["long_name"],
            numFinessEge=site["finess"],
            siret=site["siret"],
        ),
        "categorieentiteGeographiqueExercice": site["category"],
        "adresse": [_address(site, "03")],
        "contact": _contact(site),
        "engagement": [],
        "evenement": [],
        "roleEge": [],
        "etatObjet": "A",
        "dateDerniereMaj": f"{site['updated']} 00:00:00",
    }


def _closed_site(legal: str, site: Site) -> Member:
    number = numbers.with_check_digit(f"99{numbers.CLOSED_FROM + int(legal[2:8]) - numbers.LEGAL_ENTITIES_FROM:06d}")
    former = site | {"finess": number, "long_name": f"ANCIEN {site['long_name']}", "siret": "", "closed": "2019-03-03"}
    return _site(former) | {"etatObjet": "I"}


def _address(site: Site, usage: str) -> dict[str, str]:
    postal_code, _, town = site["line6"].partition(" ")
    return _given(
        usageAdresse=usage,
        complementPointGeographique=site["recipient"],
        numeroVoie=site["number"],
        typeVoie=site["street_type"],
        libelleVoie=site["street"],
        complementVoie=site["repetition"],
        lieuDit=site["distribution"],
        cogCommune=_insee(site),
        ligneAcheminement=town,
        codePostal=postal_code,
    )


def _insee(site: Site) -> str:
    department = site["department"]
    if department[0] == "9" and department[1].isalpha():
        return ("98" if department == "9J" else "97") + site["commune"]
    return department + site["commune"]


def _contact(site: Site) -> list[Member]:
    if not site["phone"]:
        return []
    return [{"typeContact": {"roleContact": "01"}, "telecom": {"telephone": site["phone"]}}]


def _given(**members: str) -> dict[str, str]:
    """Members without the empty ones, which the real file leaves out."""
    return {name: value for name, value in members.items() if value}


def _text(member: Member) -> str:
    return json.dumps(member, ensure_ascii=False, separators=(",", ":"))

"""FINESS+ structures: one JSON document of legal entities and, inside each, their sites (files.md §7).

It is another form of the source `finess`. The schema is not whole and changes, so members are found by name and
everything else is passed over; the state of an entity may be a text or an object with a `code`. The running number of
an entity or a site, in the order of the file, stands for a line number. Closed ones are not asserted: they count as
blank, and as a warning.

    { "generatedAt": …, "pmej": [ ─┬─ informationsGeneralesPMEJ, adresse, etatObjet
                                   └─ ege [ ── informationsGeneralesEGE, categorie…, siret, adresse, etatObjet ] ] }
"""

from collections.abc import Iterator
from dataclasses import dataclass

from app.imports.cells import copy_row, require_plain, shown, tidied
from app.imports.json_records import NUMBERED, Record, Shape, records
from app.imports.reading import BadLine, Read, Reading
from app.imports.sources import finess
from app.imports.sources.description import Source

LEGAL_ENTITIES, SITES = "pmej", "ege"
# TRE_R386: A active, I inactive.
CLOSED = "I"
# TRE_R377: seat of a legal entity, place of a site.
SEAT, PLACE = "02", "03"

_STATE: Shape = {"code": None}
_ADDRESS: Shape = dict.fromkeys(
    [
        "usageadresse",
        "numerovoie",
        "typevoie",
        "libellevoie",
        "complementvoie",
        "complementpointgeographique",
        "lieudit",
        "cogcommune",
        "ligneacheminement",
        "lignesix",
        "codepostal",
    ]
)
_SITE: Shape = {
    NUMBERED: None,
    "informationsgeneralesege": {
        "numfinessege": None,
        "nomegecourt": None,
        "nomegelong": None,
        "complementdenominationeg": None,
        "dateouverture": None,
        "datefermeture": None,
        "siret": None,
    },
    "siret": None,
    "categorieentitegeographiqueexercice": _STATE,
    "etatobjet": _STATE,
    "adresse": _ADDRESS,
}
_ENTITY: Shape = {
    NUMBERED: None,
    "informationsgeneralespmej": {
        "numfinesspm": None,
        "denominationpm": None,
        "denominationlonguepmsmsse": None,
        "complementadressepmsmsse": None,
        "categorieentitegeographiqueexercice": _STATE,
        "datecreation": None,
        "datefermeture": None,
    },
    "etatobjet": _STATE,
    "adresse": _ADDRESS,
    SITES: _SITE,
}

# INSEE writes the department overseas with three digits, FINESS with a letter: Saint-Barthélemy and Saint-Martin are
# Guadeloupe there.
OVERSEAS = {
    "971": "9A",
    "972": "9B",
    "973": "9C",
    "974": "9D",
    "976": "9F",
    "977": "9A",
    "978": "9A",
    "986": "9J",
}


# Fields of the source, and the members that people find them under in the file.
MEMBERS = {
    "finess": "numFinessEge",
    "finess_legal": "numFinessPm",
    "name": "nomEgeCourt",
    "long_name": "nomEgeLong",
    "recipient": "complementDenominationEg",
    "building": "complementPointGeographique",
    "number": "numeroVoie",
    "street_type": "typeVoie",
    "street": "libelleVoie",
    "repetition": "complementVoie",
    "distribution": "lieuDit",
    "commune": "cogCommune",
    "department": "cogCommune",
    "line6": "ligneAcheminement",
    "type": "categorieentiteGeographiqueExercice",
    "siret": "siret",
    "opened": "dateOuverture",
}
FIELDS = tuple(MEMBERS)
Cells = dict[str, str]


@dataclass(frozen=True)
class FinessPlusLayout:
    stamp: str | None
    source: Source = finess.SOURCE
    keeps_lines: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        return FIELDS

    @property
    def labels(self) -> dict[str, str]:
        return MEMBERS

    def copy_text(self, read: Read, reading: Reading) -> Iterator[bytes]:
        for record in records(read, LEGAL_ENTITIES, _ENTITY):
            rows = [_row(number, cells, reading) for number, cells in _structures(record)]
            if text := "".join(rows):
                yield text.encode()


def _structures(record: Record) -> Iterator[tuple[int, Cells | None]]:
    """The legal entity and its sites, each with its number in the file; None for one that is closed."""
    about = _first(record, "informationsgeneralespmej")
    legal = about.get("numfinesspm", "")
    is_closed = _is_closed(record, about)
    yield record[NUMBERED], None if is_closed else _legal_entity(record, about, legal)
    sites = record.get(SITES, [])
    for site in sites if isinstance(sites, list) else []:
        about = _first(site, "informationsgeneralesege")
        yield site[NUMBERED], None if _is_closed(site, about) else _site(site, about, legal)


def _legal_entity(record: Record, about: Record, legal: str) -> Cells:
    return _address(record, SEAT) | {
        "finess": legal,
        "finess_legal": legal,
        "name": about.get("denominationpm", ""),
        "long_name": about.get("denominationlonguepmsmsse", ""),
        "recipient": about.get("complementadressepmsmsse", ""),
        "type": _code(about, "categorieentitegeographiqueexercice"),
        "opened": about.get("datecreation", ""),
    }


def _site(site: Record, about: Record, legal: str) -> Cells:
    return _address(site, PLACE) | {
        "finess": about.get("numfinessege", ""),
        "finess_legal": legal,
        "name": about.get("nomegecourt", ""),
        "long_name": about.get("nomegelong", ""),
        "recipient": about.get("complementdenominationeg", ""),
        "type": _code(site, "categorieentitegeographiqueexercice"),
        "siret": about.get("siret") or site.get("siret", ""),
        "opened": about.get("dateouverture", ""),
    }


def _address(record: Record, usage: str) -> Cells:
    """The address of this use, else the first; town and commune as the older stock writes them."""
    addresses = record.get("adresse", [])
    if not addresses or isinstance(addresses, str):
        return {}
    address = next((each for each in addresses if each.get("usageadresse") == usage), addresses[0])
    commune, department = _commune(address.get("cogcommune", "").strip().upper())
    return {
        "building": address.get("complementpointgeographique", ""),
        "number": address.get("numerovoie", ""),
        "street_type": address.get("typevoie", ""),
        "street": address.get("libellevoie", ""),
        "repetition": address.get("complementvoie", ""),
        "distribution": address.get("lieudit", ""),
        "commune": commune,
        "department": department,
        "line6": _line6(address),
    }


def _commune(code: str) -> tuple[str, str]:
    """(three digits inside the department, department as FINESS writes it) of an INSEE commune."""
    if len(code) != len("01440"):
        return "", ""
    if code[:3] in OVERSEAS:
        return code[2:], OVERSEAS[code[:3]]
    # Other territories: their three digits do not tell the commune, and the department is known as INSEE writes it.
    return ("", code[:3]) if code[:2] in {"97", "98"} else (code[2:], code[:2])


def _line6(address: Record) -> str:
    town, postal_code = address.get("ligneacheminement", "").strip(), address.get("codepostal", "").strip()
    if not town:
        return str(address.get("lignesix", "")) or postal_code
    return town if town[:5].isdigit() or not postal_code else f"{postal_code} {town}"


def _is_closed(record: Record, about: Record) -> bool:
    """By the state where the file gives one: a day of closing may lie ahead."""
    state = _code(record, "etatobjet").strip().upper()
    return state == CLOSED if state else bool(about.get("datefermeture", "").strip())


def _code(record: Record, member: str) -> str:
    """A code: the member itself, or the `code` of the object in its place."""
    value = record.get(member, "")
    return value if isinstance(value, str) else str(value[0].get("code", "")) if value else ""


def _first(record: Record, member: str) -> Record:
    value = record.get(member, [])
    return value[0] if value and not isinstance(value, str) else {}


def _row(number: int, cells: Cells | None, reading: Reading) -> str:
    reading.read += 1
    if cells is None:
        reading.blank += 1
        reading.warnings["structure.closed"] += 1
        return ""
    values = {field: tidied(cells.get(field, "")) for field in FIELDS}
    try:
        require_plain((MEMBERS[field], value) for field, value in values.items())
    except BadLine as fault:
        reading.reject(number, fault, shown(values))
        return ""
    return copy_row(number, values.values())

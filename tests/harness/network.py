"""An outside network for tests: members made from a generated persons' file, as its own software would export them."""

import csv
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

LABELS = ("adresse", "rpps", "nom", "prenom", "code_postal", "ville", "rang")


class Network(NamedTuple):
    """A network that wants to join: its id, and the domain through which it does."""

    operator: str
    domain: str

    @property
    def certificate(self) -> str:
        return f"CN=mail.{self.operator}.example,OU={self.operator},O=RESEAU EXEMPLE,C=FR"


# The one domain outside mssante.fr that the national rule takes (mssante.md §2.3).
GATEWAY = Network("318310021300028", "interop-mssante.apicrypt.org")


class Person(NamedTuple):
    """Somebody of the register, as a network knows its members."""

    rpps: str
    family: str
    given: str
    postal_code: str
    city: str


def persons(activity: Path) -> Iterator[Person]:
    """Everybody of a PS_LibreAcces_Personne_activite file with an RPPS, once."""
    with activity.open(encoding="utf-8") as file:
        labels = file.readline().rstrip("\n").split("|")
        named = ("Identifiant PP", "Nom d'exercice", "Prénom d'exercice")
        places = [labels.index(label) for label in named]
        places += [labels.index(f"{label} (coord. structure)") for label in ("Code postal", "Libellé commune")]
        last = ""
        for line in file:
            cells = line.rstrip("\n").split("|")
            if cells[0] == "8" and cells[1] != last:
                last = cells[1]
                yield Person(*(cells[place] for place in places))


def address_of(person: Person, domain: str = GATEWAY.domain) -> str:
    """An address of its own for everybody, namesakes too."""
    folded = unicodedata.normalize("NFKD", f"{person.given}.{person.family}").encode("ascii", "ignore").decode()
    return f"{re.sub('[^a-z]+', '.', folded.lower()).strip('.')}.{person.rpps[3:]}@{domain}"


def line_of(person: Person, domain: str = GATEWAY.domain, **changed: str) -> list[str]:
    """A line of the network's file."""
    cells = dict(zip(LABELS, (address_of(person, domain), *person, "1"), strict=True))
    return list({**cells, **changed}.values())


def write_members(path: Path, lines: Sequence[list[str]]) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";").writerows([LABELS, *lines])
    return path

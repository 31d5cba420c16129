"""The columns of a network's file, found by label in any order.

    address                                  the mailbox
    type                                     PER (where the cell is empty), ORG, APP, CAB
    practitioner                             RPPS or national identification of its holder
    family, given, and profession (code), postal_code, city or department
                                             the names of the register: compared with those of the number that is
                                             given, or looked for where there is none
    organization                             FINESS, SIRET or id
    service, description, rank, dematerialization, responsible, phone
                                             as given; an empty cell says that there is none
    liste_rouge, state                       as given; an empty cell leaves them as they are

A column that is not there says nothing of its member.
"""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from app.console import Refused

# The three columns that a report has beside those of its file: a report is a file of members, too.
REPORT = ("report_line", "report_code", "report_message")
ADDRESS = "address"
LABELS = {
    ADDRESS: ("address", "adresse", "mail", "bal"),
    "type": ("type", "type de bal"),
    "practitioner": ("practitioner", "professionnel", "rpps", "identifiant pp"),
    "family": ("family", "nom"),
    "given": ("given", "prenom"),
    "profession": ("profession", "code profession"),
    "postal_code": ("postal code", "code postal"),
    "city": ("city", "ville", "commune"),
    "department": ("department", "departement"),
    "organization": ("organization", "structure", "finess", "siret"),
    "service": ("service", "service de rattachement"),
    "description": ("description",),
    "rank": ("rank", "rang"),
    "dematerialization": ("dematerialization", "dematerialisation"),
    "liste_rouge": ("liste rouge",),
    "responsible": ("responsible", "responsable"),
    "phone": ("phone", "telephone"),
    "state": ("state", "etat"),
}
FIELD_OF = {label: field for field, labels in LABELS.items() for label in labels}
DELIMITERS = ";,|\t"


class Header(NamedTuple):
    """`fields`: what each column is to us; None = passed over. `own`: how many columns are the network's."""

    delimiter: str
    labels: tuple[str, ...]
    fields: tuple[str | None, ...]
    own: int


def header_of(line: str, passed_over: Sequence[str] = ()) -> Header:
    """The header in the first line of a file. Raises Refused: no header, a column unknown, twice, or wanting.

    A label that means nothing to us must be named in `passed_over`: a misspelt `liste_rouge` must not publish anybody.
    """
    delimiter = max(DELIMITERS, key=lambda each: sum(_plain(label) in FIELD_OF for label in line.split(each)))
    labels = tuple(label.strip().strip('"') for label in line.rstrip(f"{delimiter} ").split(delimiter))
    own = len(labels) - (len(REPORT) if labels[-len(REPORT) :] == REPORT else 0)
    ignored = {_plain(label) for label in passed_over}
    fields = tuple(None if label in REPORT or _plain(label) in ignored else _field(label) for label in labels)
    known = [field for field in fields if field]
    repeated = {field for field in known if known.count(field) > 1}
    if repeated:
        raise Refused(
            f"line 1: several columns mean {', '.join(sorted(repeated))}: leave one of them", "members.column_repeated"
        )
    if ADDRESS not in known:
        raise Refused("line 1: no column is called address: name the columns in line 1", "members.column_missing")
    return Header(delimiter, labels, fields, own)


def _field(label: str) -> str:
    field = FIELD_OF.get(_plain(label))
    if field is None:
        raise Refused(
            f"line 1: the column {label[:60]!r} means nothing here: correct it, or pass it over with --ignore"
            f" {label[:60]!r}",
            "members.column_unknown",
        )
    return field


def _plain(label: str) -> str:
    """Lower case, accents folded, underscores as spaces."""
    folded = unicodedata.normalize("NFKD", label.replace("_", " "))
    return " ".join("".join(char for char in folded if not unicodedata.combining(char)).lower().strip(' "').split())

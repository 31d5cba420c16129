"""The columns of an admin's file (delta): mailboxes and structures created, changed and closed by hand.

    operation      create · change · close
    kind           mailbox · organization
    mailbox        address, type (PER ORG APP CAB), practitioner (RPPS or national identification), organization
                   (FINESS, SIRET or id), service, description, rank, dematerialization, liste_rouge, responsible
    organization   finess, siret or id; name, long_name, trade_name, type (code of its kind), sector; its address

Labels are found in any order; a column that is left out is as one whose cells are all empty. In a change an empty cell
leaves things as they are, and a lone `-` empties them.
"""

from app.imports.sources.description import Column

OPERATION, KIND = "operation", "kind"
_PLACE = ("recipient", "building", "number", "repetition", "street_type", "street", "distribution")
_FIELDS = (
    OPERATION,
    KIND,
    "address",
    "type",
    "practitioner",
    "organization",
    "service",
    "description",
    "rank",
    "dematerialization",
    "liste_rouge",
    "responsible",
    "finess",
    "siret",
    "id",
    "name",
    "long_name",
    "trade_name",
    "sector",
    *_PLACE,
    "postal_code",
    "city",
    "country",
)
# People write what they read: spaces for underscores, and the French word.
_FRENCH = {
    "address": "adresse",
    "practitioner": "professionnel",
    "organization": "structure",
    "dematerialization": "dematerialisation",
    "responsible": "responsable",
    "rank": "rang",
    "name": "raison sociale",
    "trade_name": "enseigne",
    "sector": "secteur",
    "postal_code": "code postal",
    "city": "ville",
    "country": "pays",
}


def _labels(field: str) -> tuple[str, ...]:
    spellings = (field, field.replace("_", " "), _FRENCH.get(field, field))
    return tuple(dict.fromkeys(spellings))


COLUMNS = tuple(Column(field, _labels(field), required=field in {OPERATION, KIND}) for field in _FIELDS)
# The header line of the template.
LABELS = _FIELDS
# What people may write as a number or as yes and no; any other cell that is no text has lost something.
NUMBERS = frozenset({"rank", "number"})
ANSWERS = frozenset({"dematerialization", "liste_rouge"})
# Free text: what a spreadsheet would take for a formula is not meant.
TEXTS = frozenset(
    {"service", "description", "responsible", "name", "long_name", "trade_name", *_PLACE, "city", "country"}
)

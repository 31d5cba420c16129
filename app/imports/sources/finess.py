"""etalab-cs1100502: the stock of FINESS sites (files.md §6).

The file carries no column header: line 1 is `finess;etalab;<number>;<date>`, then `structureet;` and 30 fields in a
fixed order. The labels below are the official names of these fields, in that order where we take them.
"""

from app.imports.sources.description import ADDRESS, Column, Entity, Label, Mark, Source, Target
from app.imports.sources.named import NAMED_ORGANIZATION
from app.imports.sources.sql_text import sql

# The cells of a row, the record type first. Copies of 2018-2021 hold one more field, `numuai`, before the dates.
FIELD_NAMES = (
    "finess",
    "nofinesset",
    "nofinessej",
    "rs",
    "rslongue",
    "complrs",
    "compldistrib",
    "numvoie",
    "typvoie",
    "voie",
    "compvoie",
    "lieuditbp",
    "commune",
    "departement",
    "libdepartement",
    "ligneacheminement",
    "telephone",
    "telecopie",
    "categetab",
    "libcategetab",
    "categagretab",
    "libcategagretab",
    "siret",
    "codeape",
    "codemft",
    "libmft",
    "codesph",
    "libsph",
    "dateouv",
    "dateautor",
    "datemaj",
)

COLUMNS = (
    Column("finess", ("nofinesset",), required=True),
    Column("finess_legal", ("nofinessej",), required=True),
    Column("name", ("rs",), required=True),
    Column("long_name", ("rslongue",)),
    # The complement of the name is line 2 of a postal address, that of the distribution line 3.
    Column("recipient", ("complrs",)),
    Column("building", ("compldistrib",)),
    Column("number", ("numvoie",)),
    Column("street_type", ("typvoie",)),
    Column("street", ("voie",)),
    Column("repetition", ("compvoie",)),
    Column("distribution", ("lieuditbp",)),
    Column("commune", ("commune",)),
    Column("department", ("departement",)),
    Column("line6", ("ligneacheminement",)),
    Column("type", ("categetab",)),
    Column("type_label", ("libcategetab",)),
    Column("siret", ("siret",)),
    Column("opened", ("dateouv",)),
)

SOURCE = Source(
    name="finess",
    rank=3,
    columns=COLUMNS,
    entities=(Entity("organization", "'1' || upper(finess)"),),
    reject=sql("finess.reject"),
    state=sql("finess.state"),
    targets=(
        NAMED_ORGANIZATION,
        Target(
            "organization_record",
            key=("organization", "source"),
            constants={"source": "finess"},
            entity=Mark("organization", "organization"),
            fields=(
                "kind",
                "finess",
                "siret",
                "siren",
                "parent",
                "national_ids",
                "technical_ids",
                "name",
                "long_name",
                "type",
                *ADDRESS,
            ),
            notes=("opened", "line6", "commune", "warnings"),
            closing={},
        ),
    ),
    counted="organization_record",
    labels=(Label("organization_type", "type", "type_label"),),
)

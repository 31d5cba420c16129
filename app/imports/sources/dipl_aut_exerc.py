"""PS_LibreAcces_Dipl_AutExerc: diplomas and authorisations of practice (files.md §4).

A line holds a diploma, an authorisation, or both, and each gives a row of its own; nothing but the whole row tells one
from another. The shrink guard counts rows. No document shows them yet.
"""

from app.imports.sources.description import Column, Label, Mark, Source, Target
from app.imports.sources.named import NAMED_PRACTITIONER, PERSON, PERSON_COLUMNS
from app.imports.sources.sql_text import sql

COLUMNS = (
    *PERSON_COLUMNS,
    Column("diploma_type", ("code type diplome obtenu",), required=True),
    Column("diploma_type_label", ("libelle type diplome obtenu",)),
    Column("diploma", ("code diplome obtenu",), required=True),
    Column("diploma_label", ("libelle diplome obtenu",)),
    Column("authorisation_type", ("code type autorisation",), required=True),
    Column("authorisation_type_label", ("libelle type autorisation",)),
    Column("discipline", ("code discipline autorisation",), required=True),
    Column("discipline_label", ("libelle discipline autorisation",)),
)

SOURCE = Source(
    name="dipl_aut_exerc",
    rank=5,
    columns=COLUMNS,
    entities=(PERSON,),
    reject=sql("dipl_aut_exerc.reject"),
    state=sql("dipl_aut_exerc.state", "named_practitioner"),
    targets=(
        NAMED_PRACTITIONER,
        Target(
            "qualification",
            key=("practitioner", "kind", "type", "code"),
            entity=Mark("practitioner", "practitioner"),
            closing={},
            marks=(),
        ),
    ),
    counted="qualification",
    counts_rows=True,
    labels=(
        Label("diploma_type", "diploma_type", "diploma_type_label"),
        Label("diploma", "diploma", "diploma_label"),
        Label("authorisation_type", "authorisation_type", "authorisation_type_label"),
        Label("discipline", "discipline", "discipline_label"),
    ),
)

"""PS_LibreAcces_Dipl_AutExerc: diplomas and authorisations of practice (files.md §4).

A line holds a diploma, an authorisation, or both, and each gives a row of its own; nothing but the whole row tells one
from another. The shrink guard counts rows. No document shows them yet.
"""

from app.imports.sources.description import Column, Entity, Label, Mark, Source, Target
from app.imports.sources.sql_text import sql

COLUMNS = (
    Column("id_type", ("type d'identifiant pp",)),
    Column("id", ("identifiant pp",)),
    Column("national_id", ("identification nationale pp",), required=True),
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
    entities=(Entity("practitioner", "national_id_of(national_id, id_type, id)"),),
    reject=sql("dipl_aut_exerc.reject"),
    state=sql("dipl_aut_exerc.state"),
    targets=(
        Target(
            "practitioner",
            key=("national_id",),
            entity=Mark("practitioner", "national_id"),
            fields=("rpps", "register_state"),
            notes=("warnings",),
            is_missing=True,
            marks=(),
        ),
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

"""PS_LibreAcces_SavoirFaire: the skills of each practice, whose only source it is once loaded (files.md §4).

The shrink guard counts skills: a person has several, and a file cut in two may well name everybody.
"""

from app.imports.sources.description import Column, Label, Mark, Source, Target
from app.imports.sources.named import NAMED_PRACTITIONER, PERSON, PERSON_COLUMNS
from app.imports.sources.sql_text import sql

COLUMNS = (
    *PERSON_COLUMNS,
    Column("profession", ("code profession",), required=True),
    Column("profession_label", ("libelle profession",)),
    Column("category", ("code categorie professionnelle",), required=True),
    Column("category_label", ("libelle categorie professionnelle",)),
    Column("skill_type", ("code type savoir-faire",), required=True),
    Column("skill_type_label", ("libelle type savoir-faire",)),
    Column("skill", ("code savoir-faire",), required=True),
    Column("skill_label", ("libelle savoir-faire",)),
)

SOURCE = Source(
    name="savoir_faire",
    rank=5,
    columns=COLUMNS,
    entities=(PERSON,),
    reject=sql("savoir_faire.reject"),
    state=sql("savoir_faire.state", "named_practitioner"),
    targets=(
        NAMED_PRACTITIONER,
        Target(
            "skill",
            key=("practitioner", "profession", "category", "skill_type", "skill", "source"),
            constants={"source": "savoir_faire"},
            entity=Mark("practitioner", "practitioner"),
            closing={},
        ),
    ),
    counted="skill",
    counts_rows=True,
    is_rule=True,
    labels=(
        Label("profession", "profession", "profession_label"),
        Label("category", "category", "category_label"),
        Label("skill_type", "skill_type", "skill_type_label"),
        Label("skill", "skill", "skill_label"),
    ),
)

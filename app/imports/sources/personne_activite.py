"""PS_LibreAcces_Personne_activite: persons, practices, skills, structures and roles (files.md §3).

A row is (person, practice, activity at a structure, skill) and has no key. Layouts of 48, 52 and 56 columns exist, and
one without skills is announced: what names a person or a structure is required, everything else may be missing, which
means unknown. The shrink guard counts persons.
"""

from app.imports.sources.description import ADDRESS, Column, Entity, Label, Mark, Source, Target
from app.imports.sources.named import NAMED_ORGANIZATION, PERSON, PERSON_COLUMNS
from app.imports.sources.sql_text import sql

PLACE = "(coord. structure)"

COLUMNS = (
    *PERSON_COLUMNS,
    Column("title", ("code civilite d'exercice", "code civilite exercice")),
    Column("title_label", ("libelle civilite d'exercice", "libelle civilite exercice")),
    Column("civility", ("code civilite",)),
    Column("civility_label", ("libelle civilite",)),
    Column("family", ("nom d'exercice", "nom exercice"), required=True),
    Column("given", ("prenom d'exercice", "prenom exercice")),
    Column("profession", ("code profession",), required=True),
    Column("profession_label", ("libelle profession",)),
    Column("category", ("code categorie professionnelle",), required=True),
    Column("category_label", ("libelle categorie professionnelle",)),
    Column("skill_type", ("code type savoir-faire",)),
    Column("skill_type_label", ("libelle type savoir-faire",)),
    Column("skill", ("code savoir-faire",)),
    Column("skill_label", ("libelle savoir-faire",)),
    Column("mode", ("code mode exercice", "code mode d'exercice"), required=True),
    Column("mode_label", ("libelle mode exercice", "libelle mode d'exercice")),
    Column("siret", ("numero siret site",), required=True),
    Column("siren", ("numero siren site",)),
    Column("finess", ("numero finess site",), required=True),
    Column("finess_legal", ("numero finess etablissement juridique",)),
    Column("technical_id", ("identifiant technique de la structure",), required=True),
    Column("name", ("raison sociale site",)),
    Column("trade_name", ("enseigne commerciale site",)),
    Column("recipient", (f"complement destinataire {PLACE}",)),
    Column("building", (f"complement point geographique {PLACE}",)),
    Column("number", (f"numero voie {PLACE}",)),
    Column("repetition", (f"indice repetition voie {PLACE}",)),
    Column("street_type", (f"code type de voie {PLACE}",)),
    Column("street_type_label", (f"libelle type de voie {PLACE}",)),
    Column("street", (f"libelle voie {PLACE}",)),
    Column("distribution", (f"mention distribution {PLACE}",)),
    Column("line6", (f"bureau cedex {PLACE}",)),
    Column("postal_code", (f"code postal {PLACE}",)),
    Column("commune", (f"code commune {PLACE}",)),
    Column("city", (f"libelle commune {PLACE}",)),
    Column("country_code", (f"code pays {PLACE}",)),
    Column("country", (f"libelle pays {PLACE}",)),
    Column("phone", (f"telephone {PLACE}",)),
    Column("phone_2", (f"telephone 2 {PLACE}",)),
    Column("fax", (f"telecopie {PLACE}",)),
    Column("email", (f"adresse e-mail {PLACE}",)),
    Column("former_id", ("ancien identifiant de la structure",), required=True),
    Column("authority", ("autorite d'enregistrement",)),
    Column("sector", ("code secteur d'activite",)),
    Column("sector_label", ("libelle secteur d'activite",)),
    Column("pharmacist_section", ("code section tableau pharmaciens",)),
    Column("pharmacist_section_label", ("libelle section tableau pharmaciens",)),
    Column("role", ("code role", "code fonction")),
    Column("role_label", ("libelle role", "libelle fonction")),
    Column("kind", ("code genre activite", "code genre d'activite")),
    Column("kind_label", ("libelle genre activite", "libelle genre d'activite")),
)

PRACTITIONER = Mark("practitioner", "practitioner")
STRUCTURE = Mark("organization", "organization")

# All that personne_activite.state.sql reads of `stage_organization`.
STRUCTURE_CELLS = (
    "technical_id",
    "former_id",
    "finess",
    "finess_legal",
    "siret",
    "siren",
    "name",
    "trade_name",
    "sector",
    "recipient",
    "building",
    "number",
    "repetition",
    "street_type",
    "street_type_label",
    "street",
    "distribution",
    "line6",
    "postal_code",
    "commune",
    "city",
    "country_code",
    "country",
)

TARGETS = (
    NAMED_ORGANIZATION,
    Target(
        "organization_record",
        key=("organization", "source"),
        constants={"source": "personne_activite"},
        entity=STRUCTURE,
        fields=(
            "kind",
            "finess",
            "siret",
            "siren",
            "parent",
            "national_ids",
            "technical_ids",
            "name",
            "trade_name",
            "sector",
            *ADDRESS,
        ),
        notes=("line6", "commune", "warnings"),
        closing={},
    ),
    Target(
        "practitioner",
        key=("national_id",),
        entity=Mark("practitioner", "national_id"),
        fields=("rpps", "civility", "register_state"),
        notes=("warnings",),
        closing={"register_state": "closed"},
        scope="t.register_state = 'active'",
        present="t.register_state = 'active'",
    ),
    Target(
        "practice",
        key=("practitioner", "profession", "category"),
        entity=PRACTITIONER,
        fields=("title", "family", "given"),
        closing={},
    ),
    Target(
        "skill",
        key=("practitioner", "profession", "category", "skill_type", "skill", "source"),
        constants={"source": "personne_activite"},
        entity=PRACTITIONER,
        closing={},
    ),
    Target(
        "practitioner_role",
        key=("id",),
        entity=PRACTITIONER,
        fields=("practitioner", "profession", "category", "organization", "mode", "sector", "role", "kind"),
        notes=("pharmacist_section", "authority", "phone", "phone_2", "fax", "email"),
        closing={},
    ),
)

SOURCE = Source(
    name="personne_activite",
    rank=4,
    columns=COLUMNS,
    entities=(
        PERSON,
        Entity(
            "organization",
            "structure_key(upper(finess), upper(technical_id), siret, upper(former_id))",
            cells=STRUCTURE_CELLS,
        ),
    ),
    reject=sql("personne_activite.reject"),
    state=sql("personne_activite.state", "personne_activite.unknown"),
    targets=TARGETS,
    counted="practitioner",
    labels=(
        Label("profession", "profession", "profession_label"),
        Label("category", "category", "category_label"),
        Label("title", "title", "title_label"),
        Label("civility", "civility", "civility_label"),
        Label("skill_type", "skill_type", "skill_type_label"),
        Label("skill", "skill", "skill_label"),
        Label("mode", "mode", "mode_label"),
        Label("sector", "sector", "sector_label"),
        Label("role", "role", "role_label"),
        Label("activity_kind", "kind", "kind_label"),
    ),
)

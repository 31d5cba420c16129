"""Extraction_Correspondance_MSSante: every public mailbox of the trust space and its holders (files.md §5).

The labels are the file's own, irregular as they are. The key is the address; an address may stand on several lines, one
for each holder. Only PER and ORG occur. The shrink guard counts the mailboxes that a file may withdraw. What an
operator wrote is left to it, and counted as a warning.
"""

from app.imports.sources.description import ADDRESS, Column, Entity, Label, Mark, Source, Target
from app.imports.sources.named import NAMED_ORGANIZATION, NAMED_PRACTITIONER
from app.imports.sources.sql_text import sql

PLACE = "structure bal"

COLUMNS = (
    Column("type", ("type de bal",), required=True),
    Column("address", ("adresse bal",), required=True),
    Column("id_type", ("type identifiant pp", "type d'identifiant pp")),
    Column("id", ("identifiant pp",)),
    Column("national_id", ("identification nationale pp",), required=True),
    Column("structure_type", ("type identifiant structure",)),
    Column("structure", ("identification structure",), required=True),
    Column("service", ("service de rattachement",)),
    Column("title", ("civilite d'exercice",)),
    Column("family", ("nom d'exercice",)),
    Column("given", ("prenom d'exercice",)),
    Column("category", ("categorie profession",)),
    Column("category_label", ("libelle de categorie profession", "libelle categorie profession")),
    Column("profession", ("code profession",)),
    Column("profession_label", ("libelle profession",)),
    Column("skill", ("code savoir-faire",)),
    Column("skill_label", ("libelle savoir-faire",)),
    Column("dematerialization", ("dematerialisation",)),
    Column("organization_name", (f"raison sociale {PLACE}",)),
    Column("trade_name", (f"enseigne commerciale {PLACE}",)),
    Column("recipient", (f"l2complementlocalisation {PLACE}",)),
    Column("building", (f"l3complementdistribution {PLACE}",)),
    Column("number", (f"l4numerovoie {PLACE}",)),
    Column("repetition", (f"l4complementnumerovoie {PLACE}",)),
    Column("street_type", (f"nl4typevoie {PLACE}", f"l4typevoie {PLACE}")),
    Column("street", (f"l4libellevoie {PLACE}",)),
    Column("distribution", (f"l5lieuditmention {PLACE}",)),
    Column("line6", (f"l6ligneacheminement {PLACE}",)),
    Column("postal_code", (f"code postal {PLACE}",)),
    Column("department", (f"departement {PLACE}",)),
    Column("country", (f"pays {PLACE}",)),
)

MAILBOX = Mark("mailbox", "address")

TARGETS = (
    NAMED_PRACTITIONER,
    NAMED_ORGANIZATION,
    Target(
        "mailbox",
        key=("address",),
        constants={"source": "mssante"},
        entity=MAILBOX,
        fields=("domain", "type", "service", "dematerialization", "state", "successor"),
        notes=("warnings",),
        # The attachments stay: they lead from the holders to the mailbox, so that their documents drop it. The public
        # file never holds a suspended mailbox: its absence says nothing, and closing it would forget the suspension.
        closing={"state": "withdrawn"},
        scope="t.source = 'mssante' AND NOT t.unlisted AND t.type IN ('PER', 'ORG') AND t.state = 'active'",
        present="t.state <> 'withdrawn'",
        stamped="updated_at",
    ),
    Target(
        "mailbox_attachment",
        key=("address", "practitioner", "organization"),
        nullable=("practitioner", "organization"),
        entity=MAILBOX,
        fields=(
            "title",
            "family",
            "given",
            "category",
            "profession",
            "skill",
            "organization_name",
            "trade_name",
            *ADDRESS,
            "line6",
        ),
        closing={},
        scope="t.address IN (SELECT address FROM new_mailbox)",
        freed=(Mark("practitioner", "practitioner"),),
    ),
)

SOURCE = Source(
    name="mssante",
    rank=6,
    columns=COLUMNS,
    entities=(Entity("mailbox", "lower(address)"),),
    reject=sql("mssante.reject"),
    state=sql("mssante.state", "named_practitioner"),
    targets=TARGETS,
    counted="mailbox",
    labels=(
        Label("category", "category", "category_label"),
        Label("profession", "profession", "profession_label"),
        Label("skill", "skill", "skill_label"),
    ),
)

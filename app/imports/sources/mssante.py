"""Extraction_Correspondance_MSSante: every public mailbox of the trust space and its holders (files.md §5).

The labels are the file's own, irregular as they are. The key is the address; an address may stand on several lines, one
for each holder. Only PER and ORG occur. The shrink guard counts the mailboxes that a file may withdraw.
"""

from app.imports.sources.description import Column, Label, Source
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

SOURCE = Source(
    name="mssante",
    rank=6,
    columns=COLUMNS,
    reject=sql("mssante.reject"),
    plan=sql("mssante.state", "mssante.diff"),
    apply=sql("mssante.apply"),
    counted_kind="mailbox",
    asserted=(
        "SELECT count(*) FROM mailbox WHERE source = 'mssante' AND NOT unlisted"
        " AND type IN ('PER', 'ORG') AND state <> 'withdrawn'"
    ),
    labels=(
        Label("category", "category", "category_label"),
        Label("profession", "profession", "profession_label"),
        Label("skill", "skill", "skill_label"),
    ),
)

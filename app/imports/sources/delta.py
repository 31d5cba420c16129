"""Delta: mailboxes and structures that an admin creates, changes and closes by hand (`imports.delta_form`).

The file speaks of what it names alone. A mailbox that it creates or closes, or of which it changes what the national
extraction states, is that extraction's no more: tomorrow's file does not take it back. What an operator wrote is that
operator's: such lines are rejected. Of a structure it writes a record of its own, laid over those of the registers.
"""

from app.imports.delta_form import COLUMNS
from app.imports.sources.description import ADDRESS, Entity, Mark, Source, Target
from app.imports.sources.named import NAMED_ORGANIZATION
from app.imports.sources.sql_text import sql

MAILBOX, ORGANIZATION = Mark("mailbox", "address"), Mark("organization", "organization")

SOURCE = Source(
    name="delta",
    rank=7,
    columns=COLUMNS,
    entities=(
        Entity("mailbox", "CASE WHEN lower(kind) = 'mailbox' THEN lower(address) END"),
        Entity(
            "organization",
            "CASE WHEN lower(kind) = 'organization' THEN structure_of(coalesce(finess, siret, id)) END",
        ),
    ),
    reject=sql("delta.reject"),
    state=sql("delta.state"),
    targets=(
        NAMED_ORGANIZATION,
        Target(
            "organization_record",
            key=("organization", "source"),
            constants={"source": "delta"},
            entity=ORGANIZATION,
            fields=(
                "kind", "finess", "siret", "siren", "parent", "national_ids", "technical_ids", "name", "long_name",
                "trade_name", "type", "sector", *ADDRESS,
            ),
            notes=("opened", "line6", "commune", "warnings"),
            closing={},
            scope="t.organization IN (SELECT key FROM new_closed_organization)",
        ),
        Target(
            "mailbox",
            key=("address",),
            entity=MAILBOX,
            fields=(
                "domain", "type", "service", "description", "rank", "dematerialization", "unlisted", "responsible",
                "state", "successor", "source",
            ),
            # The attachments stay: they lead from the holders to the mailbox, so that their documents drop it.
            closing={"state": "withdrawn", "source": "delta"},
            scope="t.address IN (SELECT key FROM new_closed_mailbox)",
            stated="true",
            present="t.state <> 'withdrawn'",
            stamped="updated_at",
        ),
        Target(
            "mailbox_attachment",
            key=("address", "practitioner", "organization"),
            nullable=("practitioner", "organization"),
            entity=MAILBOX,
            fields=(
                "title", "family", "given", "category", "profession", "skill", "organization_name", "trade_name",
                *ADDRESS, "line6",
            ),
            closing={},
            scope="t.address IN (SELECT address FROM new_mailbox)",
            freed=(Mark("practitioner", "practitioner"),),
        ),
    ),
    counted="mailbox",
    lines_kept=False,
)  # fmt: skip

"""What the one box takes and answers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.mailboxes.schemas import Mailbox
from app.organizations.schemas import Organization
from app.paging import Cut, Term, Total
from app.practitioners.schemas import Practitioner
from app.publication.schemas import Part

DEFAULT_ITEMS, MOST_ITEMS = 5, 20
Match = Literal["exact", "prefix", "fuzzy", "phonetic"]


class BoxQuery(BaseModel):
    """The text of the box, and how many items each group shows at most."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Term = Field(description="A name, an RPPS, FINESS or SIRET number, or an address", examples=["dupont lyon"])
    limit: int = Field(DEFAULT_ITEMS, ge=1, le=MOST_ITEMS, description="Items of each group")


class FoundPractitioner(Practitioner):
    match: Match


class FoundOrganization(Organization):
    match: Match


class FoundMailbox(Mailbox):
    match: Match


class Group(Part):
    """The first of a kind that fit. `all` is the request that lists them all; null where there is none to make."""

    total: Total
    all: str | None = Field(examples=["/v1/organizations?name=ch+exemple"])


class Practitioners(Group):
    items: list[FoundPractitioner]
    cut: Cut = None


class Organizations(Group):
    items: list[FoundOrganization]


class Mailboxes(Group):
    items: list[FoundMailbox]
    cut: Cut = None


class Box(Part):
    """What fits, by kind, all of one edition. `meant`: what the text was taken for."""

    meant: Literal["address", "id", "name"]
    practitioners: Practitioners
    organizations: Organizations
    mailboxes: Mailboxes
    edition: int

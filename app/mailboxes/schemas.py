"""What mailboxes look like on the wire."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from app.mailboxes.models import MailboxType
from app.paging import Cut, Id, ListQuery, Term, Total
from app.publication.schemas import LARGEST_BATCH, BatchOf, Coded, Part, Place, Resource, ResultOf, Specialty, Structure


class Holder(Part):
    """The person a mailbox belongs to."""

    family: str | None = Field(examples=["EXEMPLE"])
    given: str | None = Field(examples=["Anne-Élise"])
    national_id: str | None = Field(examples=["899900000060"])
    profession: Coded | None
    rpps: str | None = Field(examples=["99900000060"])
    specialties: list[Specialty]
    title: str | None = Field(examples=["Docteur"])


class Attachment(Part):
    """One holder of a mailbox: a person, a structure, a person at a structure, or nobody known."""

    organization: Structure | None
    practitioner: Holder | None


class Described(Part):
    """What a mailbox says of itself. `practitioner`, `organization`, `place`: of the principal attachment."""

    address: str = Field(examples=["anne.exemple@ch-exemple.mssante.fr"])
    attachments: list[Attachment]
    dematerialization: bool | None = Field(description="Whether the holder wants no paper")
    description: str | None
    domain: str
    operator: str | None = Field(description="Id of the operator, where one is known for certain")
    organization: Structure | None
    place: Place | None
    practitioner: Holder | None
    rank: int | None = Field(description="1 = preferred by its holder")
    service: str | None
    type: MailboxType


class Mailbox(Described, Resource):
    """A published mailbox."""


class OwnMailbox(Described):
    """The owner's view, for its own operator and administrators alone: hidden mailboxes too, and what is never public.

    A mailbox that is not published has no `published_at` and no `sequence`.
    """

    liste_rouge: bool
    phone: str | None = Field(examples=["+33 1 99 00 00 00"])
    published_at: datetime | None
    responsible: str | None
    sequence: int | None
    state: Literal["active", "suspended"]
    updated_at: datetime


class OwnMailboxQuery(ListQuery):
    """Filters of the list of one's own mailboxes; they add up."""

    domain: Term | None = Field(None, examples=["ch-exemple.mssante.fr"])
    type: MailboxType | None = None
    state: Literal["active", "suspended"] | None = None
    liste_rouge: bool | None = None


class OwnMailboxPage(Part):
    """One's own mailboxes in order of their address."""

    items: list[OwnMailbox]
    next: str | None
    total: Total
    edition: int


class MailboxQuery(ListQuery):
    """Filters of the list of mailboxes; they add up."""

    domain: Term | None = Field(None, examples=["ch-exemple.mssante.fr"])
    type: MailboxType | None = None
    practitioner: Term | None = Field(None, description="Any accepted id", examples=["99900000060"])
    organization: Term | None = Field(None, description="Any accepted id", examples=["990000010"])


class MailboxPage(Part):
    """Mailboxes in order of their address."""

    items: list[Mailbox]
    next: str | None
    total: Total
    edition: int
    cut: Cut = None


class MailboxLookup(Part):
    """A batch of addresses, in any case of letters."""

    addresses: Annotated[list[Id], Field(max_length=LARGEST_BATCH, examples=[["anne.exemple@ch-exemple.mssante.fr"]])]


class MailboxResult(ResultOf):
    resource: Mailbox | None = None


class MailboxBatch(BatchOf):
    results: list[MailboxResult]

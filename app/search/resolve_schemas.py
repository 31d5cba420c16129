"""What "which address for this letter?" looks like on the wire."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.mailboxes.schemas import Mailbox
from app.mailboxes.use import DOCUMENTS, RULES, Use
from app.paging import WHOLE, Id, Term
from app.publication.schemas import Part
from app.search.resolve_choice import ReasonCode

# More bytes than any mail server of this world takes at once.
LARGEST_MESSAGE = 1 << 40
CANDIDATES, ALTERNATIVES = 10, 10
NAMES = ("name", "family", "given")
PLACES = ("city", "postal_code", "department", "profession", "specialty")
Fallback = Literal["structure", "legal_entity"]
NoteCode = Literal["address.replaced", "address.other", "paper.wanted", "service.general", "size.unpromised"]
Holders = Literal["practitioner", "organization", "mailbox"]

DocumentCode = Annotated[
    str,
    Field(
        max_length=40,
        description="Kind of document: " + ", ".join(each.code for each in RULES.document) + "; or its LOINC code",
        examples=["discharge_letter"],
        json_schema_extra={"enum": sorted(DOCUMENTS)},
    ),
]


class Resolve(BaseModel):
    """A recipient and what is sent.

    The recipient is one of: `practitioner`, `address`, a name (with a place), or `organization` alone. `organization`
    beside one of the others says at which of its structures.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    practitioner: Id | None = Field(None, description="RPPS or national identification", examples=["99900000060"])
    organization: Id | None = Field(None, description="FINESS, SIRET or any id of a structure", examples=["990000010"])
    address: Id | None = Field(None, description="An address of the recipient, which may be an old one")
    name: Term | None = Field(None, description="Family and given name in one box", examples=["anne exemple"])
    family: Term | None = None
    given: Term | None = None
    city: Term | None = Field(None, examples=["besançon"])
    postal_code: Term | None = None
    department: Term | None = Field(None, description="Of the territory; for one of a hospital see `service`")
    profession: Term | None = Field(None, description="Code (TRE_G15 and others)")
    specialty: Term | None = Field(None, description="Code of a skill")
    document: DocumentCode
    service: Term | None = Field(None, description="Service of the structure, as people write it")
    size: Annotated[int, Field(ge=0, le=LARGEST_MESSAGE), WHOLE] | None = Field(
        None, description="Bytes of the message"
    )

    @field_validator("document")
    @classmethod
    def _require_known(cls, code: str) -> str:
        if code not in DOCUMENTS:
            raise ValueError(f"no such kind of document; one of: {', '.join(each.code for each in RULES.document)}")
        return code

    @model_validator(mode="after")
    def _require_one_recipient(self) -> Self:
        named = self.name is not None or self.family is not None
        given = [self.practitioner is not None, self.address is not None, named]
        if sum(given) > 1:
            raise ValueError("give one recipient: practitioner, address, or a name")
        if not any(given) and self.organization is None:
            raise ValueError("give a recipient: practitioner, organization, address, or a name")
        narrow = ("given", *PLACES)
        if not named and any(getattr(self, name) is not None for name in narrow):
            raise ValueError(f"{', '.join(narrow)} narrow a name, and none is given")
        return self


class Recipient(Part):
    """Whom the answer is for. `mailbox`: nobody is known who holds it, so it stands for itself."""

    kind: Holders
    id: str = Field(examples=["899900000060"])
    name: str | None = Field(examples=["EXEMPLE Anne-Élise"])


class Candidate(Recipient):
    """One of several who may be meant: ask again with its id."""

    profession: str | None = Field(examples=["Médecin"])
    places: list[str] = Field(examples=[["25000 BESANCON"]])


class Why(Part):
    """The rule that takes a mailbox; docs/resolving.md lists them all."""

    id: str = Field(examples=["person"])
    sentence: str
    source: str = Field(description="Where the rule comes from")


class Alternative(Part):
    """A mailbox, the rule that would take it, and whose it is where it is not the recipient's own."""

    mailbox: Mailbox
    rule: Why
    fallback: Fallback | None


class Reason(Part):
    """Why there is no mailbox: a word for programs, a sentence for people."""

    code: ReasonCode
    detail: str


class Note(Part):
    """Something to mind with the mailbox that was chosen."""

    code: NoteCode
    detail: str


class Sent(Part):
    """The kind of document, and the use that decides."""

    code: str = Field(examples=["discharge_letter"])
    use: Use


class Resolution(Part):
    """One mailbox with the rule that chose it; or none, with the reason."""

    recipient: Recipient | None
    document: Sent
    mailbox: Mailbox | None
    rule: Why | None
    fallback: Fallback | None = Field(description="Set when the recipient has no fitting mailbox of its own")
    alternatives: list[Alternative] = Field(description="The next ones, best first")
    more_alternatives: int = Field(description="How many more there are than are shown")
    reason: Reason | None
    candidates: list[Candidate]
    more_candidates: bool
    notes: list[Note]
    edition: int


def body_without_mailboxes(**members: Any) -> dict[str, Any]:
    """The members of a Resolution that are not ready text, those that are empty filled in."""
    empty: dict[str, Any] = {
        "recipient": None,
        "rule": None,
        "fallback": None,
        "more_alternatives": 0,
        "reason": None,
        "candidates": [],
        "more_candidates": False,
        "notes": [],
    }
    return {**empty, **members}

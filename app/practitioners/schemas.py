"""What professionals look like on the wire."""

from typing import Literal

from pydantic import Field

from app.paging import Cut, ListQuery, Term, Total
from app.publication.schemas import BatchOf, Coded, Part, Place, Resource, ResultOf, Specialty, Structure


class PractitionerMailbox(Part):
    """A mailbox of the person. `organizations`: keys of the structures it is held at."""

    address: str = Field(examples=["anne.exemple@ch-exemple.mssante.fr"])
    dematerialization: bool | None
    description: str | None
    organizations: list[str]
    rank: int | None
    service: str | None
    type: Literal["PER", "ORG", "APP", "CAB"]


class Role(Part):
    """A situation d'exercice: which profession, as what, and where."""

    category: Coded | None
    kind: Coded | None
    mode: Coded | None
    organization: Structure | None
    place: Place | None
    profession: Coded | None
    role: Coded | None
    sector: Coded | None
    skills: list[str] = Field(description="Codes of the practice's skills", examples=[["SM53"]])


class Practitioner(Resource):
    """A published professional. The preferred mailbox comes first."""

    civility: Coded | None
    family: str = Field(examples=["EXEMPLE"])
    given: str | None = Field(examples=["Anne-Élise"])
    mailboxes: list[PractitionerMailbox]
    national_id: str = Field(examples=["899900000060"])
    profession: Coded | None
    roles: list[Role]
    rpps: str | None = Field(examples=["99900000060"])
    specialties: list[Specialty]
    title: str | None = Field(examples=["Docteur"])


class PractitionerQuery(ListQuery):
    """Filters of the search for professionals; they add up. Accents, case and hyphens do not matter."""

    name: Term | None = Field(
        None, description="Family and given name in one box, in either order", examples=["anne exemple"]
    )
    family: Term | None = Field(None, description="Family name or its beginning", examples=["exemple"])
    given: Term | None = Field(None, description="Given name or its beginning", examples=["anne"])
    profession: Term | None = Field(None, description="Code (TRE_G15 and others)", examples=["10"])
    specialty: Term | None = Field(None, description="Code of a skill", examples=["SM53"])
    department: Term | None = Field(None, examples=["25"])
    postal_code: Term | None = Field(None, examples=["25000"])
    city: Term | None = Field(None, description="Whole name", examples=["besançon"])
    organization: Term | None = Field(None, description="Any accepted id of a structure", examples=["990000010"])
    has_mailbox: bool | None = None


class PractitionerItem(Practitioner):
    """A professional that was found. `match` says how the name fits; without a name asked it is exact."""

    match: Literal["exact", "prefix", "fuzzy", "phonetic"]


class PractitionerPage(Part):
    """Professionals: whole names first, then names that go on, then those one edit away, then those alike in sound.

    Each in order of the name. What is near is only there where nobody has the words typed, and fewer than ten begin so.
    """

    items: list[PractitionerItem]
    next: str | None
    total: Total
    edition: int
    cut: Cut = None


class PractitionerResult(ResultOf):
    resource: Practitioner | None = None


class PractitionerBatch(BatchOf):
    results: list[PractitionerResult]

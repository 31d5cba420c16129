"""What the pre-send check looks like on the wire."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.mailboxes.models import MailboxType
from app.publication.schemas import LARGEST_BATCH, Part
from app.search.check import Reason
from app.search.check_alike import Cause

# What is wrong with a text that is no address, in the words of an import, or in which way a domain is alike.
AnyCause = Literal["missing", "ascii", "at_sign", "length", "local_part", "domain"] | Cause
# Any text. What is half a character (a lone surrogate) is none: a pattern, even this one, refuses it.
AnyText = Annotated[str, StringConstraints(pattern="^")]
EXAMPLE = ["anne.exemple@ch-exemple.mssante.fr", "anne.exemple@ch-exmple.mssante.fr"]


class Check(Part):
    """Addresses as they are about to be written to: any text, in any case of letters."""

    addresses: Annotated[list[AnyText], Field(min_length=1, max_length=LARGEST_BATCH, examples=[EXAMPLE])]


class DomainOperator(Part):
    """An operator: GET /v1/trust/operators/{id}."""

    id: str = Field(examples=["1990000010"])
    name: str = Field(examples=["GIP EXEMPLE"])


class Checked(Part):
    """What is said of one address."""

    address: str = Field(description="As it was asked", examples=EXAMPLE[:1])
    deliverable: bool = Field(description="It is published: the directory vouches for it at this edition")
    reason: Reason | None = Field(description="Why not; null for one that is deliverable")
    cause: AnyCause | None = Field(description="Of `syntax`: what is wrong; of `look_alike`: in which way")
    type: MailboxType | None = Field(description="Of one that is deliverable")
    since: datetime | None = Field(description="Since when it is not published any more")
    successor: str | None = Field(description="Who follows a withdrawn one, while that is public")
    suggestion: str | None = Field(
        description="The address in the one listed domain that is alike; nothing is said of whether it is there"
    )
    alike: list[str] = Field(description="The listed domains that are alike, at most five")
    ask: list[DomainOperator] = Field(description="The operators of the domain that is meant; none: see `contact`")


class CheckedAddresses(Part):
    """One result for each address asked, in order, twins kept, all from one edition."""

    results: list[Checked]
    domain_rule: Literal["on", "off"] = Field(description="Off until a white list was imported: no domain is judged")
    contact: str | None = Field(description="The contact of the trust space, where it has one")
    edition: int

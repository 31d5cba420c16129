"""What webhooks look like on the wire."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.paging import WHOLE
from app.push.target import LONGEST_URL

# Beyond it readers of JSON round whole numbers (RFC 7493 §2.2).
LARGEST_EDITION = 2**53 - 1
Kind = Literal["mailbox", "organization", "practitioner"]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WantedWebhook(Part):
    """Where to tell, and of what."""

    url: str = Field(max_length=LONGEST_URL, examples=["https://bal.exemple.fr/annuaire"])
    kinds: list[Kind] = Field([], max_length=3, description="Changes of these alone; empty: of every kind")


class WebhookDocument(Part):
    """Somebody who is told that the directory moved."""

    id: str = Field(examples=["k3l5m7n2p4"])
    url: str
    kinds: list[Kind]
    state: Literal["active", "disabled"]
    disabled_why: str | None
    created_at: datetime
    epoch: str
    edition: int = Field(description="Up to here it was told")
    attempt: int = Field(description="How often the letter on its way was sent in vain")
    next_attempt_at: datetime | None = Field(description="Of the letter on its way")


class NewWebhook(WebhookDocument):
    """A webhook that was just made. The secret is shown this once."""

    secret: str = Field(description="For the signatures, as Standard Webhooks writes it", examples=["whsec_…"])


class WebhookList(Part):
    """The caller's webhooks, oldest first."""

    items: list[WebhookDocument]


class From(Part):
    """From where to tell again."""

    edition: Annotated[int, Field(ge=0, le=LARGEST_EDITION), WHOLE] | None = Field(
        None, description="Changes after this one are told; null: those of the last letter"
    )


class Delivery(Part):
    """One attempt. The letter tells of the changes after `after`, up to `edition`."""

    message: str = Field(description="The header webhook-id: the same for every attempt of one letter")
    after: int
    edition: int
    attempt: int
    at: datetime
    outcome: Literal["delivered", "rejected", "unreachable", "forbidden", "unsigned"]
    status: int | None = Field(description="What the receiver answered")
    detail: str
    ms: int


class DeliveryList(Part):
    """The last attempts, newest first."""

    items: list[Delivery]

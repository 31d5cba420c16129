"""What transfers look like on the wire."""

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.paging import ListQuery, Term, Total

State = Literal["proposed", "agreed", "done", "refused", "withdrawn", "lapsed", "failed"]
Scope = Literal["mailbox", "domain"]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Wanted(Part):
    """A proposal: one of `mailbox` and `domain`, and one of `to` (the caller gives) and `from` (it takes over)."""

    mailbox: Term | None = Field(None, examples=["anne.exemple@ch-exemple.mssante.fr"])
    domain: Term | None = Field(None, examples=["ch-exemple.mssante.fr"])
    to: Term | None = Field(None, description="Id of the operator that shall receive", examples=["1990000028"])
    from_: Term | None = Field(None, alias="from", description="Id of the operator that shall give")
    new_address: Term | None = Field(
        None, description="With `from` and `mailbox`: its address from then on, in a domain of the receiver"
    )
    effective_at: AwareDatetime = Field(description="When it happens", examples=["2027-01-01T00:00:00+01:00"])


class Agreement(Part):
    """What the receiver of a mailbox may add when it agrees."""

    new_address: Term | None = Field(None, description="Its address from then on, in a domain of the receiver")


class Transfer(Part):
    """A transfer. `lapsed`: not agreed to in time. `failed`: agreed to, and not possible any more at its hour."""

    id: int
    scope: Scope
    key: str = Field(description="Address of the mailbox, or name of the domain")
    new_address: str | None
    from_: str = Field(alias="from", description="Id of the operator that gives", examples=["1990000010"])
    to: str = Field(description="Id of the operator that receives", examples=["1990000028"])
    effective_at: datetime
    state: State
    proposed_by: str = Field(description="Id of the operator that proposed it")
    proposed_at: datetime
    decided_at: datetime | None = Field(description="When it was agreed to, refused or withdrawn")
    done_at: datetime | None = Field(description="When it took effect, lapsed or failed")
    detail: str | None = Field(description="Why it failed")


class TransferQuery(ListQuery):
    """Filters of the list of transfers."""

    scope: Scope | None = None
    state: State | None = None


class TransferPage(Part):
    """Transfers, newest first."""

    items: list[Transfer]
    next: str | None
    total: Total
    edition: int

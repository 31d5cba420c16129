"""What a write asks for: one operation on one address, read from a request or from a line of a batch."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app.identifiers import InvalidIdentifier, MailboxAddress
from app.mailboxes.write_problems import AddressInvalid
from app.paging import WHOLE, Id
from app.problems import InvalidRequest, Problem

Operation = Literal["put", "patch", "delete"]
TypeCode = Literal["PER", "ORG", "APP", "CAB"]
MOST_FAULTS, LONGEST_NAME = 20, 60
# Longer than any limit of a member, which is told by name; longer texts are not looked at.
Text = Annotated[str, StringConstraints(max_length=1_000, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Content(BaseModel):
    """The members of a mailbox that an operator writes.

    What never changes (`address`, `type`, `practitioner`, `organization`) may be repeated as it is in a change.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    address: Id | None = Field(None, description="As in the path, if at all", examples=["anne@ch-exemple.mssante.fr"])
    practitioner: Id | None = Field(None, description="RPPS or national identification", examples=["99900000060"])
    organization: Id | None = Field(None, description="Any accepted id of a structure", examples=["990000010"])
    service: Text | None = Field(None, description="At most 90 characters; not of CAB", examples=["CARDIOLOGIE"])
    description: Text | None = Field(None, description="At most 75 characters; not of PER")
    rank: Annotated[int, WHOLE] | None = Field(
        None, description="1 = preferred by its holder; at most 999 999", examples=[1]
    )
    dematerialization: bool | None = Field(None, description="Whether the holder wants no paper")
    liste_rouge: bool = Field(False, description="Hidden from everybody but its own operator and administrators")
    responsible: Text | None = Field(None, description="At most 45 characters; of ORG and APP; never public")
    phone: Text | None = Field(None, description="At most 20 digits and signs; never public")
    state: Literal["active", "suspended"] = Field("active", description="A suspended mailbox is hidden")


class MailboxPut(Content):
    """A whole mailbox: what is not given has its default."""

    type: TypeCode


class MailboxPatch(Content):
    """A merge patch (RFC 7396): only what is given changes, null empties."""

    # Read from `model_fields_set` alone: a patch without a type leaves it.
    type: TypeCode = Field("PER", description="As it is, if at all: it never changes")


@dataclass(frozen=True, slots=True)
class Wish:
    """One write. `body`: None to withdraw. `fault`: what is wrong with the body, for whoever may write there alone."""

    operation: Operation
    address: MailboxAddress
    body: MailboxPut | MailboxPatch | None = None
    fault: Problem | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    successor: str | None = None


def address_of(text: str) -> MailboxAddress:
    """The address as it is stored: in lower case. Raises AddressInvalid.

    No second spelling of a domain passes: no trailing dot, no letter outside ASCII, no quoted local part.
    """
    try:
        return MailboxAddress.parse(text)
    except InvalidIdentifier as fault:
        raise AddressInvalid(str(fault), reason=fault.reason) from None


def body_of(operation: Operation, value: Any, pointer: str = "/body") -> MailboxPut | MailboxPatch:
    """The members in a JSON value. Raises InvalidRequest: another type of value, an unknown member."""
    kind = MailboxPut if operation == "put" else MailboxPatch
    try:
        return kind.model_validate(value)
    except ValidationError as fault:
        raise invalid(fault, pointer) from None


def invalid(fault: ValidationError, pointer: str) -> InvalidRequest:
    """What pydantic found, as our problem; at most MOST_FAULTS of it."""
    faults = [
        {"pointer": "/".join([pointer, *map(_shown, each["loc"])]), "code": each["type"], "detail": each["msg"]}
        for each in fault.errors(include_url=False, include_context=False, include_input=False)[:MOST_FAULTS]
    ]
    return InvalidRequest(f"Correct or remove: {', '.join(each['pointer'] for each in faults)}.", errors=faults)


def _shown(name: str | int) -> str:
    """The name of a member, which may be any text, as one that fits into an answer."""
    return str(name)[:LONGEST_NAME].encode("ascii", "backslashreplace").decode()

"""A transfer as somebody wants it, judged as far as its form goes; the rules of `propose_transfer` do the rest."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from app.access.audit import Act
from app.identifiers import InvalidIdentifier, MailboxAddress
from app.mail_domains import InvalidDomain
from app.mail_domains import parse as parse_domain

Scope = Literal["mailbox", "domain"]
Verb = Literal["agree", "refuse", "withdraw"]
ACTIONS = {"agree": "transfer.agreed", "refuse": "transfer.refused", "withdraw": "transfer.withdrawn"}
# Whoever plans longer ahead proposes again: a certificate lives as long.
LONGEST_AHEAD = timedelta(days=366)


class ProposalInvalid(ValueError):
    """The proposal has a part that cannot be used: `part` names it."""

    def __init__(self, part: str, message: str) -> None:
        super().__init__(message)
        self.part = part


@dataclass(frozen=True, slots=True)
class Proposal:
    """What shall move, from whom to whom, and when. `proposed_by` is one of the two."""

    scope: Scope
    key: str
    from_operator: str
    to_operator: str
    proposed_by: str
    effective_at: datetime
    new_address: str | None = None

    def as_json(self) -> str:
        """For `propose_transfer`."""
        return json.dumps(asdict(self), default=datetime.isoformat)


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts, by what, on behalf of which operator. `certificate`: the name of the one that the request came with."""

    actor: str
    credential: str
    operator: str
    request_id: str | None = None
    certificate: str | None = None


def proposal(
    *,
    mailbox: str | None,
    domain: str | None,
    from_operator: str,
    to_operator: str,
    proposed_by: str,
    effective_at: datetime,
    new_address: str | None,
) -> Proposal:
    """The proposal in canonical form. Raises ProposalInvalid."""
    if (mailbox is None) == (domain is None):
        raise ProposalInvalid("mailbox", "Name one: a mailbox, or a domain.")
    if from_operator == to_operator:
        raise ProposalInvalid("to", "Giver and receiver are two operators.")
    if effective_at.tzinfo is None:
        raise ProposalInvalid("effective_at", "Say in which time zone, for example 2027-01-01T00:00:00+01:00.")
    if effective_at - datetime.now(UTC) > LONGEST_AHEAD:
        raise ProposalInvalid("effective_at", f"At most {LONGEST_AHEAD.days} days ahead.")
    if new_address is not None and (mailbox is None or proposed_by != to_operator):
        raise ProposalInvalid("new_address", "The receiver of a mailbox alone gives it a new address.")
    key = address("mailbox", mailbox) if mailbox is not None else _domain(domain or "")
    named = None if new_address is None else address("new_address", new_address)
    if named == key:
        raise ProposalInvalid("new_address", "This is the address that it has.")
    scope: Scope = "domain" if mailbox is None else "mailbox"
    return Proposal(scope, key, from_operator, to_operator, proposed_by, effective_at, named)


def address(part: str, text: str) -> str:
    """An address in canonical form. Raises ProposalInvalid."""
    try:
        return str(MailboxAddress.parse(text))
    except InvalidIdentifier as error:
        raise ProposalInvalid(part, f"{text[:254]!r} is no address: {error}") from error


def act(who: Who, action: str, document: str, before: bytes | None, after: bytes) -> Act:
    """What is written down of it: the transfer, by its number, and a sentence that says what moves where."""
    said = json.loads(document)
    moved = f"{said['scope']} {said['key']}" + (f" to {said['new_address']}" if said["new_address"] else "")
    detail = f"{moved} from {said['from']} to {said['to']} at {said['effective_at']}"
    return Act(
        *(who.actor, who.credential, who.operator, action, "transfer", str(said["id"])),
        before=before,
        after=after,
        detail=detail,
        request_id=who.request_id,
    )


def _domain(text: str) -> str:
    try:
        return parse_domain(text)
    except InvalidDomain as error:
        raise ProposalInvalid("domain", str(error)) from error

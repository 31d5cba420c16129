"""The rules of a write, in the order in which they are asked (mssante.md §2.2, §2.3, §3).

    may_write      the caller's operator publishes now → the exact domain is its own → the mailbox is no other's
    holder_of      PER: a known active professional · ORG, APP: a known structure · CAB: either of them
    require_type   members that the type has; what never changes
    require_limits lengths and values

Whether the address is free, or in the state that the caller knows, comes last (`preconditions`). Only what a write
changes is judged: a mailbox that a file brought may hold what nobody could write today, and must still be hideable.
"""

import re
from typing import Any

from app.identifiers import MailboxAddress, organization_candidates, practitioner_keys
from app.mail_domains import InvalidDomain, require_accepted
from app.mailboxes import write_problems as problems
from app.mailboxes.row import Holder, Row, Standing
from app.mailboxes.wish import MailboxPatch, MailboxPut

# Members that a type does not have.
FOREIGN = {
    "PER": ("description", "responsible"),
    "ORG": (),
    "APP": (),
    "CAB": ("service", "responsible"),
}
LONGEST = {"service": 90, "description": 75, "responsible": 45}
LARGEST_RANK = 999_999
PHONE = re.compile(r"\+?[0-9][0-9 .()/-]{1,18}")
# Members of the body that a change may touch, and their fields of the row.
CHANGEABLE = {
    "service": "service",
    "description": "description",
    "rank": "rank",
    "dematerialization": "dematerialization",
    "liste_rouge": "unlisted",
    "responsible": "responsible",
    "phone": "phone",
    "state": "state",
}


def may_write(operator: str, address: MailboxAddress, standing: Standing) -> None:
    """Raises OperatorNotPublishing, DomainNotYours, MailboxNotYours.

    In a domain of others the answer is the same whatever is, or was, at the address.
    """
    if standing.faults:
        faults = [{"pointer": "/operator", "code": code, "detail": detail} for code, detail in standing.faults]
        raise problems.OperatorNotPublishing("; ".join(detail for _, detail in standing.faults) + ".", errors=faults)
    if address.domain not in standing.domains:
        raise problems.DomainNotYours(
            f"The domain {address.domain} is not among those that the white list gives your operator, or the "
            "certificate that you came with. See GET /v1/me."
        )
    current = standing.mailboxes.get(address)
    if current and not current.is_withdrawn and current.row.operator not in {None, operator}:
        raise problems.MailboxNotYours("In a domain of several operators a mailbox is the one's that wrote it.")


def require_accepted_domain(address: MailboxAddress, accepted: tuple[str, ...]) -> None:
    """Raises AddressInvalid for a new address in a domain that the trust space does not take (app.mail_domains)."""
    try:
        require_accepted(address.domain, accepted)
    except InvalidDomain as fault:
        raise problems.AddressInvalid(f"{fault}.", reason=fault.code) from None


def holder_of(body: MailboxPut, standing: Standing) -> Holder:
    """Whose a new mailbox is. Raises HolderMissing, MemberNotAllowed, and what is wrong with the holder named."""
    needs_person, needs_structure = body.type == "PER", body.type in {"ORG", "APP"}
    if needs_person and not body.practitioner:
        raise problems.HolderMissing("A mailbox of type PER belongs to a professional: give `practitioner`.")
    if needs_structure and not body.organization:
        raise problems.HolderMissing(f"A mailbox of type {body.type} belongs to a structure: give `organization`.")
    if needs_structure and body.practitioner:
        raise problems.MemberNotAllowed(f"A mailbox of type {body.type} is no person's: leave `practitioner` out.")
    if not body.practitioner and not body.organization:
        raise problems.HolderMissing("A mailbox of type CAB belongs to a professional or to a practice: name one.")
    return Holder(_person(body.practitioner, standing), _structure(body.organization, standing))


def require_same(address: str, body: MailboxPut | MailboxPatch, row: Row, standing: Standing) -> None:
    """Raises MailboxImmutable when the body names another address, type or holder than the mailbox has."""
    require_same_address(address, body)
    given = body.model_fields_set if isinstance(body, MailboxPatch) else MailboxPut.model_fields.keys()
    holder = row.holders[0] if row.holders else Holder(None, None)
    is_same = {
        "type": body.type == row.type,
        "practitioner": _names_person(body.practitioner, holder.practitioner),
        "organization": _names_structure(body.organization, holder.organization, standing),
    }
    for name, same in is_same.items():
        if name in given and not same:
            raise problems.MailboxImmutable(
                f"`{name}` never changes. Withdraw the mailbox and publish another.", member=name
            )


def require_same_address(address: str, body: MailboxPut | MailboxPatch) -> None:
    """Raises MailboxImmutable when the body names another address than the path."""
    if body.address is not None and body.address.strip().lower() != address:
        raise problems.MailboxImmutable(
            "`address` never changes. Withdraw the mailbox and publish another.", member="address"
        )


def changes_of(body: MailboxPut | MailboxPatch) -> dict[str, Any]:
    """Fields of the row that the body sets: all that can change for a whole mailbox, those given for a patch."""
    given = body.model_fields_set if isinstance(body, MailboxPatch) else CHANGEABLE
    values = {field: getattr(body, member) for member, field in CHANGEABLE.items() if member in given}
    return {field: _clean(value) if isinstance(value, str) else value for field, value in values.items()}


def require_type(kind: str, changes: dict[str, Any], before: Row | None) -> None:
    """Raises MemberNotAllowed for a new value of a member that the type does not have."""
    for name in FOREIGN[kind]:
        value = changes.get(name)
        if value is not None and (before is None or value != getattr(before, name)):
            raise problems.MemberNotAllowed(f"A mailbox of type {kind} has no `{name}`: leave it out.", member=name)


def require_limits(changes: dict[str, Any], before: Row | None) -> None:
    """Raises MemberLimit with every new value that is too long, too large or of another form."""
    faults = [
        {"pointer": f"/body/{name}", "code": code, "detail": detail}
        for name, value in changes.items()
        if value is not None and (before is None or value != getattr(before, name))
        for code, detail in _limit(name, value)
    ]
    if faults:
        raise problems.MemberLimit(" ".join(fault["detail"] for fault in faults), errors=faults)


def _limit(name: str, value: Any) -> list[tuple[str, str]]:
    if name in LONGEST and len(value) > LONGEST[name]:
        return [("too_long", f"`{name}` has {len(value)} characters, over {LONGEST[name]}.")]
    if name == "rank" and not 1 <= value <= LARGEST_RANK:
        return [("out_of_range", f"`rank` is a whole number from 1 to {LARGEST_RANK}.")]
    if name == "phone" and not PHONE.fullmatch(value):
        return [("form", "`phone` has at most 20 characters: digits, spaces, + . ( ) / and -.")]
    return []


def _person(text: str | None, standing: Standing) -> str | None:
    if not text:
        return None
    for key in practitioner_keys(text):
        if (state := standing.persons.get(key)) == "active":
            return key
        if state == "closed":
            raise problems.PractitionerInactive("The register closed this professional: nothing is published for them.")
    raise problems.PractitionerUnknown("Give the RPPS or the national identification of a registered professional.")


def _structure(text: str | None, standing: Standing) -> str | None:
    if not text:
        return None
    keys = standing.structures.get(text, ())
    if not keys:
        raise problems.OrganizationUnknown("Give the FINESS, SIRET or another accepted id of a structure.")
    if len(keys) > 1:
        raise problems.OrganizationsSeveral("Give one of the candidates.", candidates=list(keys))
    return keys[0]


def _names_person(text: str | None, key: str | None) -> bool:
    return (text or None) == key or key in practitioner_keys(text or "")


def _names_structure(text: str | None, key: str | None, standing: Standing) -> bool:
    meant = (*standing.structures.get(text or "", ()), *organization_candidates(text or ""))
    return (text or None) == key or key in meant


def _clean(text: str) -> str | None:
    """As files are read: no outer spaces, single ones inside; nothing for an empty text."""
    return " ".join(text.split()) or None

"""One member of a network: what its line states, as the directory would write it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.identifiers import InvalidIdentifier, MailboxAddress, practitioner_keys
from app.members.columns import ADDRESS
from app.members.left_out import LeftOut

TYPES = ("PER", "ORG", "APP", "CAB")
STATES = {
    **dict.fromkeys(("active", "actif"), "active"),
    **dict.fromkeys(("suspended", "suspendu", "suspendue"), "suspended"),
    **dict.fromkeys(("withdrawn", "retire", "retiree", "retiré", "retirée"), "withdrawn"),
}
ANSWERS = {
    **dict.fromkeys(("o", "oui", "y", "yes", "true", "vrai", "1"), True),
    **dict.fromkeys(("n", "non", "no", "false", "faux", "0"), False),
}
TEXTS = ("service", "description", "responsible", "phone")
# What a spreadsheet makes of an RPPS: 1,00E+10.
SCIENTIFIC = re.compile(r"[0-9]+([.,][0-9]+)?E\+?[0-9]+", re.IGNORECASE)

Content = Mapping[str, Any]


class Names(NamedTuple):
    """How a line names its person: as the register does, and where that person works. Empty: not told."""

    family: str
    given: str
    profession: str
    postal_code: str
    city: str
    department: str

    @property
    def can_be_looked_for(self) -> bool:
        """Whether it says enough: a family name alone fits hundreds."""
        place = self.profession or self.postal_code or self.city or self.department
        return bool(self.family and self.given and place)


@dataclass(frozen=True, slots=True)
class Member:
    """`content`: members of the mailbox that the file has columns for, None = it states that there is none.

    `stated_type`, `practitioner`, `organization`: empty where the line says nothing of them.
    """

    line: int
    address: MailboxAddress
    stated_type: str
    practitioner: str
    organization: str
    names: Names
    content: Content
    is_withdrawn: bool = False

    @property
    def type(self) -> str:
        return self.stated_type or "PER"

    @property
    def needs_person(self) -> bool:
        return self.type == "PER" or (self.type == "CAB" and not self.organization)


def member_of(line: int, cells: Mapping[str, str]) -> Member:
    """What a line states, from its cells by field. Raises LeftOut: an address, a number or an answer is none."""
    try:
        address = MailboxAddress.parse(cells[ADDRESS])
    except InvalidIdentifier as fault:
        raise LeftOut(fault.code if cells[ADDRESS] else "address.missing", str(fault)) from None
    practitioner = cells.get("practitioner", "")
    if practitioner and not practitioner_keys(practitioner):
        raise LeftOut("practitioner.form", _number_fault(practitioner))
    kind = cells.get("type", "").upper()
    if kind and kind not in TYPES:
        raise LeftOut("type.unknown", f"type {kind[:20]!r} is none of {', '.join(TYPES)}")
    state = _state(cells.get("state", ""))
    return Member(
        line=line,
        address=address,
        stated_type=kind,
        practitioner=practitioner,
        organization=cells.get("organization", ""),
        names=Names(
            *(cells.get(name, "") for name in ("family", "given", "profession", "postal_code", "city", "department"))
        ),
        content=_content(cells, state),
        is_withdrawn=state == "withdrawn",
    )


def _content(cells: Mapping[str, str], state: str | None) -> Content:
    content: dict[str, Any] = {name: cells[name] or None for name in TEXTS if name in cells}
    if "rank" in cells:
        content["rank"] = _rank(cells["rank"])
    if "dematerialization" in cells:
        content["dematerialization"] = _answer("dematerialization", cells["dematerialization"])
    # Only what the network says of these two: an empty cell must not bring a hidden mailbox to light.
    if cells.get("liste_rouge"):
        content["liste_rouge"] = _answer("liste_rouge", cells["liste_rouge"])
    if state in {"active", "suspended"}:
        content["state"] = state
    return content


def _rank(cell: str) -> int | None:
    if not cell:
        return None
    if not (cell.isascii() and cell.isdecimal() and int(cell)):
        raise LeftOut("rank.form", f"rank {cell[:20]!r} is no whole number from 1")
    return int(cell)


def _answer(name: str, cell: str) -> bool | None:
    if not cell:
        return None
    if cell.lower() not in ANSWERS:
        raise LeftOut("answer.form", f"{name} {cell[:20]!r} is neither O nor N")
    return ANSWERS[cell.lower()]


def _state(cell: str) -> str | None:
    if cell and cell.lower() not in STATES:
        raise LeftOut("state.unknown", f"state {cell[:20]!r} is none of active, suspended, withdrawn")
    return STATES.get(cell.lower())


def _number_fault(cell: str) -> str:
    if SCIENTIFIC.fullmatch(cell):
        return f"a spreadsheet made {cell[:20]} of a number: give the column the format text and write it again"
    return f"{cell[:40]!r} is no RPPS of 11 digits, nor a national identification"

"""What a write is answered: the rules of docs/writing.md in their order, on the model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from tests.builders import FINESS
from tests.model.directory import MEMBERS, Box, Directory

DEFAULTS = {"rank": None, "service": None, "liste_rouge": False, "state": "active"}
# Which state a request names: the present one, one of before, any, none, or that there is no mailbox yet.
Tag = Literal["present", "former", "any", "none", "fresh"]


@dataclass(frozen=True)
class Write:
    """One write as an operator means it. `holder`: for PUT; `members`: of the body; `tag`: which state it names."""

    verb: Literal["put", "patch", "delete"]
    operator: str
    address: str
    holder: str = ""
    members: Mapping[str, Any] = field(default_factory=dict)
    tag: Tag = "none"
    successor: str | None = None

    @property
    def type(self) -> str:
        return "ORG" if self.holder == FINESS else "PER"

    def body(self) -> dict[str, Any] | None:
        """The JSON of its body."""
        if self.verb == "delete":
            return None
        if self.verb == "patch":
            return dict(self.members)
        return {
            "type": self.type,
            "organization" if self.type == "ORG" else "practitioner": self.holder,
            **self.members,
        }


class Verdict(NamedTuple):
    """The status and the code of the answer; the mailbox as it then is, when the write was admitted."""

    status: int
    code: str | None = None
    after: Box | None = None

    @property
    def is_done(self) -> bool:
        return self.after is not None


def judge(directory: Directory, write: Write) -> Verdict:
    """What becomes of a write."""
    box = directory.boxes.get(write.address)
    if not directory.may_publish(write.operator):
        return Verdict(403, "operator.not_publishing")
    if not directory.is_listed_for(write.address.partition("@")[2], write.operator):
        return Verdict(403, "domain.not_yours")
    if box and not box.is_withdrawn and box.operator not in {None, write.operator}:
        return Verdict(403, "mailbox.not_yours")
    if box and not box.is_withdrawn:
        return _changed(write, box)
    if write.verb != "put":
        return Verdict(410, "mailbox.withdrawn") if box else Verdict(404, "mailbox.unknown")
    return _created(directory, write, box)


def carry_out(directory: Directory, write: Write, verdict: Verdict) -> None:
    """An admitted write; one that changes nothing leaves no trace."""
    if verdict.after is not None and directory.boxes.get(write.address) != verdict.after:
        directory.boxes[write.address] = verdict.after
        directory.acts += 1


def _changed(write: Write, box: Box) -> Verdict:
    if write.verb == "put" and (write.type, write.holder) != (box.type, box.holder):
        return Verdict(422, "mailbox.immutable")
    if write.tag == "fresh":
        return Verdict(412, "mailbox.exists")
    if write.tag == "none":
        return Verdict(428, "precondition.missing")
    if write.tag == "former":
        return Verdict(412, "precondition.failed")
    if write.verb == "delete":
        return Verdict(204, None, box.written(write.operator, state="withdrawn", successor=write.successor))
    given = DEFAULTS | dict(write.members) if write.verb == "put" else write.members
    return Verdict(200, None, box.written(write.operator, **{name: given[name] for name in MEMBERS if name in given}))


def _created(directory: Directory, write: Write, former: Box | None) -> Verdict:
    if write.type == "PER" and not directory.people[write.holder]:
        return Verdict(422, "mailbox.practitioner_inactive")
    if write.tag in {"present", "former", "any"}:
        return Verdict(412, "precondition.failed")
    is_same = former is not None and former.holder == write.holder and former.operator in {None, write.operator}
    if former and not is_same:
        return Verdict(409, "mailbox.quarantined")
    return Verdict(
        201, None, Box(write.address, write.type, write.holder, write.operator, **DEFAULTS | dict(write.members))
    )

"""What the registry holds and what the world may see of it, in plain Python: the documents' words, no SQL.

Nothing here is taken from the program but the words on the wire.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

State = Literal["active", "suspended", "withdrawn"]
# What an operator sets of a mailbox; the rest never changes.
MEMBERS = ("rank", "service", "liste_rouge", "state")


class Tombstone(NamedTuple):
    """Why an address that was public is not."""

    reason: Literal["withdrawn", "holder_inactive", "domain_unlisted"]
    successor: str | None = None


@dataclass(frozen=True)
class Box:
    """One mailbox. `holder`: RPPS of a person (PER) or FINESS of a structure (ORG).

    `operator`: None until one wrote it; `source`: `mssante` until then; `run`: the run that wrote the row last.
    """

    address: str
    type: str
    holder: str
    operator: str | None
    source: Literal["api", "mssante"] = "api"
    rank: int | None = None
    service: str | None = None
    liste_rouge: bool = False
    state: State = "active"
    successor: str | None = None
    run: str | None = None

    @property
    def domain(self) -> str:
        return self.address.partition("@")[2]

    @property
    def is_withdrawn(self) -> bool:
        return self.state == "withdrawn"

    @property
    def is_hidden(self) -> bool:
        """On the red list, or suspended: it answers like an address that never was."""
        return not self.is_withdrawn and (self.liste_rouge or self.state == "suspended")

    def written(self, operator: str, **changes: object) -> "Box":
        """As this operator leaves it: its own from then on, and no file's."""
        return replace(self, operator=operator, source="api", run=None, **changes)  # type: ignore[arg-type]

    def says(self) -> dict[str, object]:
        """The members, as the owner's view tells them."""
        return {name: getattr(self, name) for name in MEMBERS}


class Pair(NamedTuple):
    """Who says that a domain is an operator's: the white list of a run, or a transfer (`admin`)."""

    source: Literal["liste_blanche", "admin"]
    run: str | None = None


@dataclass
class Directory:
    """The whole state. `people`: whether the register has each active; `pairs`: by (domain, operator); `moved`: domains
    that were transferred, by (domain, giver) to the receiver; `certified`: operators with a certificate, and the run
    that brought it; `admitted`: the run that made a candidate active, until somebody decides otherwise.
    """

    people: dict[str, bool]
    operators: dict[str, str]
    pairs: dict[tuple[str, str], Pair]
    certified: dict[str, str | None]
    moved: dict[tuple[str, str], str] = field(default_factory=dict)
    admitted: dict[str, str] = field(default_factory=dict)
    boxes: dict[str, Box] = field(default_factory=dict)
    tombstones: dict[str, Tombstone] = field(default_factory=dict)
    # Addresses that were public at some moment: no other may ever stand in the log of changes.
    were_public: set[str] = field(default_factory=set)
    acts: int = 0

    def copy(self) -> "Directory":
        """Another one that says the same, for a trial."""
        return replace(self, boxes=dict(self.boxes), tombstones=dict(self.tombstones))

    def owners(self, domain: str) -> set[str]:
        """Whose domain it is; who left has none."""
        return {op for name, op in self.pairs if name == domain and self.operators[op] != "left"}

    def is_listed_for(self, domain: str, operator: str) -> bool:
        return (domain, operator) in self.pairs

    def may_publish(self, operator: str) -> bool:
        """Active, and vouched for: nobody here has a conformity file."""
        return self.operators[operator] == "active" and self.is_vouched_for(operator)

    def is_vouched_for(self, operator: str) -> bool:
        """Whether the white list names it: who publishes that list established its conformity."""
        return any(op == operator and pair.source == "liste_blanche" for (_, op), pair in self.pairs.items())

    def is_public(self, address: str) -> bool:
        box = self.boxes.get(address)
        return box is not None and box.state == "active" and not box.liste_rouge and self._why_gone(box) is None

    def public(self) -> dict[str, Box]:
        return {address: box for address, box in self.boxes.items() if self.is_public(address)}

    def operator_of(self, box: Box) -> str | None:
        """As the document says it: the one that wrote it, else the only owner of its domain."""
        owners = self.owners(box.domain)
        return box.operator or (next(iter(owners)) if len(owners) == 1 else None)

    def is_own(self, operator: str, address: str) -> bool:
        """Whether this operator reads the owner's view of an address."""
        box = self.boxes.get(address)
        if box is None or box.is_withdrawn:
            return False
        return box.operator == operator if box.operator else operator in self.owners(box.domain)

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """One transaction that publishes: what it takes out of sight leaves a tombstone, unless it is hidden."""
        before = dict(self.boxes)
        were = {address for address in before if self.is_public(address)}
        yield
        for address in before.keys() | self.boxes.keys():
            box = self.boxes.get(address)
            if self.is_public(address) or (box is not None and box.is_hidden):
                self.tombstones.pop(address, None)
            elif address in were:
                why = self._why_gone(box) if box else None
                self.tombstones[address] = Tombstone(why or "withdrawn", box.successor if box else None)
            elif box and box.is_withdrawn and box != before.get(address) and address in self.tombstones:
                self.tombstones[address] = Tombstone("withdrawn", box.successor)
        self.were_public |= set(self.public())

    def successor_told(self, address: str) -> str | None:
        """The successor of a tombstone, as long as it is public itself."""
        successor = self.tombstones[address].successor
        return successor if successor and self.is_public(successor) else None

    def _why_gone(self, box: Box) -> Literal["withdrawn", "holder_inactive", "domain_unlisted"] | None:
        if box.is_withdrawn:
            return "withdrawn"
        owners = self.owners(box.domain)
        if not (box.operator in owners if box.operator else owners):
            return "domain_unlisted"
        return "holder_inactive" if box.type == "PER" and not self.people[box.holder] else None


def addresses_of(boxes: Mapping[str, Box], holder: str) -> set[str]:
    """Which of these mailboxes are a person's or a structure's."""
    return {address for address, box in boxes.items() if box.holder == holder}

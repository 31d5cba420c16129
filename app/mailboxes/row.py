"""A mailbox as a write sees it: the registry's row and its holders, and what else is known when a write is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, NamedTuple

from app.access.audit import row_hash

OWN_SOURCE = "api"


class Holder(NamedTuple):
    """One holder: the keys of a person, of a structure, of a person at a structure, or of nobody known."""

    practitioner: str | None
    organization: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """What the registry holds of a mailbox, `holders` in the order of their keys (the first is the principal one).

    `unlisted` = liste rouge; `state` as in the registry (active, suspended, withdrawn); `operator`: the one that wrote
    it, None for an imported mailbox that no operator has written yet; `source`: `api` once an operator has.
    """

    address: str
    type: str
    operator: str | None
    source: str
    holders: tuple[Holder, ...]
    service: str | None = None
    description: str | None = None
    rank: int | None = None
    dematerialization: bool | None = None
    unlisted: bool = False
    responsible: str | None = None
    phone: str | None = None
    state: str = "active"
    successor: str | None = None

    @property
    def domain(self) -> str:
        return self.address.partition("@")[2]

    @property
    def digest(self) -> bytes:
        """SHA-256 of the row as canonical JSON: what the audit trail keeps of it."""
        digest = row_hash({name: getattr(self, name) for name in self.__dataclass_fields__})
        assert digest is not None  # noqa: S101 - only no row has no hash
        return digest

    def taken_over(self, operator: str, **changes: Any) -> "Row":
        """The row with these changes, written by `operator`: no file changes or closes it from now on."""
        return replace(self, operator=operator, source=OWN_SOURCE, **changes)

    def differences(self, other: "Row") -> list[str]:
        """Names of the fields in which two rows differ."""
        names = [each.name for each in fields(self)]
        return [name for name in names if getattr(self, name) != getattr(other, name)]


@dataclass(frozen=True, slots=True)
class Current:
    """A mailbox that is there, or was: `etag` of the owner's view, None when withdrawn; since when it is withdrawn,
    and whether its address must not go to another holder yet.
    """

    row: Row
    etag: str | None = None
    withdrawn_at: datetime | None = None
    is_quarantined: bool = False

    @property
    def is_withdrawn(self) -> bool:
        return self.row.state == "withdrawn"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known, and held until the commit, when writes are judged.

    `faults`: why the operator may not publish now, (code, sentence) each; none = it may. `domains`: those of the
    asked ones in which the caller may write. `persons`: register state by key. `structures`: keys of the known
    structures that an id means. `mailboxes`: by address.
    """

    faults: tuple[tuple[str, str], ...] = ()
    domains: frozenset[str] = frozenset()
    persons: Mapping[str, str] = field(default_factory=dict)
    structures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mailboxes: Mapping[str, Current] = field(default_factory=dict)

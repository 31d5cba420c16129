"""One batch: what the tree holds against what the publication says, written in one transaction.

    fence     delete and add again the edition we believe: a stale exporter fails before anything else ran
    members   one add, modify or delete for each mailbox that differs
    move      the edition, last: a replica never shows an edition ahead of its entries

The entries are read first, so that no member can be refused for what the tree holds. A batch that is refused all the
same is healed at once by plain writes, since slapd has already sent its members to the replicas (it undoes them on its
own tree alone); a mailbox that slapd refuses even then is set aside, named in the log and in the report.

The last mailbox of a tree is removed by a plain write: slapd before 2.6.11 refuses that in a transaction (ITS#10304).
So members that remove come last, after those that add.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from app.ldap.client import ENTRY_FAULTS, STATE_FAULTS, BatchRefused, Exporter, LdapFailed, WriteRefused
from app.ldap.documents import Documents
from app.ldap.entries import Entry, Unstorable, entry
from app.ldap.operations import Add, Delete, Modify, MoveEdition, Operation

logger = structlog.get_logger(__name__)

# How often a plain write is tried when the tree changes under it.
TRIES = 3


class StaleExporter(LdapFailed):
    """Another exporter moved the tree's edition meanwhile: nothing of ours was written; read the cursor again."""


@dataclass
class Written:
    """What was done to a tree; `refused` names the mailboxes that slapd cannot hold, with the reason."""

    added: int = 0
    modified: int = 0
    deleted: int = 0
    healed: int = 0
    refused: dict[str, str] = field(default_factory=dict)

    def add(self, other: "Written") -> None:
        self.added += other.added
        self.modified += other.modified
        self.deleted += other.deleted
        self.healed += other.healed
        self.refused.update(other.refused)

    def count(self, operation: Operation) -> None:
        match operation:
            case Add():
                self.added += 1
            case Modify():
                self.modified += 1
            case Delete():
                self.deleted += 1


def wanted(documents: Documents) -> tuple[dict[str, Entry | None], dict[str, str]]:
    """The entry of each address (None = there must be none), and those that no entry can hold, with the reason."""
    entries: dict[str, Entry | None] = {}
    refused: dict[str, str] = {}
    for address, document in documents.items():
        try:
            entries[address] = None if document is None else entry(document)
        except Unstorable as reason:
            entries[address] = None
            refused[address] = str(reason)
    return entries, refused


def difference(dn: str, stored: Entry | None, expected: Entry | None) -> Operation | None:
    """The smallest write that makes the stored entry the expected one; None when they are equal, order included."""
    if stored is None:
        return None if expected is None else Add(dn, expected)
    if expected is None:
        return Delete(dn)
    replaced = {
        name: expected.get(name, []) for name in {**stored, **expected} if stored.get(name) != expected.get(name)
    }
    return Modify(dn, replaced) if replaced else None


def apply(exporter: Exporter, documents: Documents, before: int, after: int) -> Written:
    """Write these mailboxes and move the edition from `before` to `after`.

    Raises StaleExporter, LdapUnreachable, or LdapFailed when slapd refuses for a reason that is not an entry's.
    """
    entries, refused = wanted(documents)
    operations = _operations(exporter, entries)
    if not operations and before == after:
        return _said(Written(refused=refused))
    top = exporter.tree.suffix
    moves = [MoveEdition(top, before, after)] if after != before else []
    if _leaves_nothing(exporter, operations):
        _require_edition(exporter, before)
        written = _write_each(exporter, entries)
        _move(exporter, moves, before)
        written.refused.update(refused)
        return _said(written)
    try:
        exporter.commit([MoveEdition(top, before, before), *operations, *moves])
    except BatchRefused as refusal:
        _require_edition(exporter, before)
        logger.warning("LDAP batch refused, healing it one by one", edition=before, kind=type(refusal).__name__)
        written = _heal(exporter, entries)
        _move(exporter, moves, before)
    else:
        written = Written()
        for operation in operations:
            written.count(operation)
    written.refused.update(refused)
    return _said(written)


def _said(written: Written) -> Written:
    if written.refused:
        # Who they are `annuaire ldap verify` tells whoever asks; a log would go on naming somebody who is hidden later.
        logger.error("mailboxes set aside: they are not in LDAP", mailboxes=len(written.refused))
    return written


def _operations(exporter: Exporter, entries: Mapping[str, Entry | None]) -> list[Operation]:
    stored = exporter.read(list(entries))
    differences = (
        difference(exporter.tree.dn(address), stored.get(address), expected) for address, expected in entries.items()
    )
    return sorted(
        (operation for operation in differences if operation is not None),
        key=lambda operation: isinstance(operation, Delete),
    )


def _leaves_nothing(exporter: Exporter, operations: Sequence[Operation]) -> bool:
    """Whether these remove all mailboxes that the tree holds; it is asked only where nothing else is done."""
    is_removal = bool(operations) and all(isinstance(operation, Delete) for operation in operations)
    return is_removal and not exporter.holds_more_than(len(operations))


def _heal(exporter: Exporter, entries: Mapping[str, Entry | None]) -> Written:
    """What a transaction could not do."""
    written = _write_each(exporter, entries)
    written.healed = written.added + written.modified + written.deleted
    return written


def _write_each(exporter: Exporter, entries: Mapping[str, Entry | None]) -> Written:
    """Each member as a plain write; what slapd refuses even so is set aside."""
    written = Written()
    for address, expected in entries.items():
        try:
            operation = _write_alone(exporter, address, expected)
        except WriteRefused as refusal:
            if refusal.code not in ENTRY_FAULTS:
                raise
            written.refused[address] = str(refusal)
        else:
            if operation is not None:
                written.count(operation)
    return written


def _write_alone(exporter: Exporter, address: str, expected: Entry | None) -> Operation | None:
    for left in reversed(range(TRIES)):
        operations = _operations(exporter, {address: expected})
        if not operations:
            return None
        try:
            exporter.write(operations[0])
        except WriteRefused as refusal:
            if refusal.code not in STATE_FAULTS or not left:
                raise
        else:
            return operations[0]
    return None


def _move(exporter: Exporter, moves: list[MoveEdition], before: int) -> None:
    for move in moves:
        try:
            exporter.write(move)
        except WriteRefused:
            _require_edition(exporter, before)
            raise


def _require_edition(exporter: Exporter, believed: int) -> None:
    state = exporter.state()
    if state is None or state.edition != believed:
        found = "nothing" if state is None else f"edition {state.edition}"
        raise StaleExporter(f"the tree holds {found}, not edition {believed}: another exporter writes it")

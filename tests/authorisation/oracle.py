"""What the rules say of each cell, written from the norm and the documents, and asked of no code of ours.

door      who is calling: nothing that is sent is ignored (docs/access.md), deny by default
operator  publishes while it is active and its conformity is in force (docs/trust.md)
domain    the exact name, by the certificate that the caller came with (mssante.md §2.3, §4)
mailbox   in a domain of several operators it is the one's that wrote it; what a file brought is any owner's
view      hidden mailboxes are for their own operator and administrators (mssante.md §2.5)
"""

from enum import Enum
from typing import NamedTuple

from tests.authorisation.credentials import MISSING, Kind
from tests.authorisation.names import UNUSABLE, Name
from tests.authorisation.space import FILED, LISTED, OPERATORS, WRITERS, WRITTEN

Verdict = tuple[int, str | None]

SCOPE: Verdict = (403, "scope.missing")
NOT_PUBLISHING: Verdict = (403, "operator.not_publishing")
NOT_YOURS: Verdict = (403, "domain.not_yours")
NEW = "neuve"


class Door(Enum):
    """Whom a route lets in."""

    OPEN = "anybody, whatever is sent"
    LOOK_UP = "anybody, or who reads"
    ANY = "whoever is known"
    OWN = "who acts for an operator"
    READ = "who reads"
    OWN_READ = "who reads and acts for an operator"
    OWN_OR_ADMIN = "who acts for an operator, and administrators"
    ADMIN = "administrators"
    AUDIT = "auditors"
    PUBLISH = "an operator that proved itself by a private key, or by a key where that suffices"


class Verb(NamedTuple):
    """Something done to one address: with `target` as its local part, which says whose the mailbox is.

    `done`: how it is answered when the rules admit it. `is_kept`: then it leaves everything as it was.
    """

    label: str
    method: str
    target: str
    done: Verdict
    is_kept: bool = False


WRITES = (
    Verb("PUT new", "PUT", NEW, (201, None)),
    Verb("PUT", "PUT", WRITTEN, (200, None), is_kept=True),
    Verb("PATCH", "PATCH", WRITTEN, (200, None), is_kept=True),
    Verb("PATCH", "PATCH", FILED, (200, None)),
    Verb("DELETE", "DELETE", WRITTEN, (204, None)),
    Verb("DELETE", "DELETE", FILED, (204, None)),
)
READS = (
    Verb("GET", "GET", WRITTEN, (200, None), is_kept=True),
    Verb("GET", "GET", FILED, (200, None), is_kept=True),
)
# To nobody that there is: whoever may give it is told so, and nothing moves.
GIFT_TAKEN: Verdict = (409, "transfer.receiver")


def door(kind: Kind, asked: Door, operator: str | None) -> Verdict | None:
    """Why the caller is not let in; None when it is."""
    if asked is Door.OPEN or (asked is Door.LOOK_UP and kind.is_anonymous):
        return None
    if kind.refused:
        return kind.refused
    reads = bool(kind.scopes & {"read", "publish", "admin"})
    if asked is Door.PUBLISH:
        if "publish" not in kind.scopes:
            return SCOPE
        return None if kind.strong or kind.key_publishes else (403, "credentials.too_weak")
    scope = {Door.ADMIN: "admin" in kind.scopes, Door.AUDIT: "audit" in kind.scopes}
    if not scope.get(asked, reads or asked in {Door.ANY, Door.OWN, Door.OWN_OR_ADMIN}):
        return SCOPE
    assert operator is not None, "whoever is known here acts for an operator"
    return None


def write(operator: str | None, kind: Kind, verb: Verb, name: Name) -> Verdict:
    """Of a write over REST, by itself or as a line of a batch."""
    refused = door(kind, Door.PUBLISH, operator)
    if refused or operator is None:
        return refused or MISSING
    if name.meant is None:
        return 422, name.code
    if not publishes(operator):
        return NOT_PUBLISHING
    if not owns(operator, name.meant, kind.certificate):
        return NOT_YOURS
    if verb.target == WRITTEN and WRITERS[name.meant] != operator:
        return 403, "mailbox.not_yours"
    return verb.done


def read(operator: str | None, kind: Kind, verb: Verb, name: Name) -> Verdict:
    """Of the read of a hidden mailbox."""
    refused = door(kind, Door.LOOK_UP, operator)
    if refused:
        return refused
    if name.meant is None and name.code == UNUSABLE:
        return 422, UNUSABLE
    is_there = name.meant in WRITERS
    is_seen = "admin" in kind.scopes or (operator is not None and f"{verb.target}@{name.meant}" in seen_by(operator))
    return verb.done if is_there and is_seen else (404, "mailbox.unknown")


def give(operator: str | None, kind: Kind, scope: str, name: Name) -> Verdict:
    """Of the proposal to give away a mailbox or a domain: only what is the giver's, by the certificate it came with."""
    refused = door(kind, Door.PUBLISH, operator)
    if refused or operator is None:
        return refused or MISSING
    if name.meant is None and name.code == UNUSABLE:
        return 422, UNUSABLE
    if OPERATORS[operator].state in {"suspended", "left"}:
        return NOT_PUBLISHING
    if name.meant is None or (scope == "domain" and "xn--" in name.meant):
        return 422, UNUSABLE
    if owns(operator, name.meant) and not owns(operator, name.meant, kind.certificate):
        return NOT_YOURS
    is_own = owns(operator, name.meant) if scope == "domain" else WRITERS.get(name.meant) == operator
    return GIFT_TAKEN if is_own else (403, "transfer.not_givers")


def agree(operator: str | None, kind: Kind, receiver: str) -> Verdict:
    """Of the agreement to take a domain that `other` offered to a receiver."""
    refused = door(kind, Door.PUBLISH, operator)
    if refused or operator is None:
        return refused or MISSING
    if OPERATORS[operator].state in {"suspended", "left"}:
        return NOT_PUBLISHING
    if operator == "other":
        return 403, "transfer.other_side"
    if operator != receiver:
        return 404, "transfer.unknown"
    return (200, None) if publishes(operator) else (409, "transfer.receiver")


def publishes(operator: str) -> bool:
    """Active, and vouched for by the list that names it or by a complete file."""
    it = OPERATORS[operator]
    return it.state == "active" and (it.listed or it.file)


def owns(operator: str, domain: str, certificate: int | None = None) -> bool:
    """Whether the white list gives this very name to the operator; by this certificate, when one is given."""
    return any(
        (line.domain, line.operator) == (domain, operator) and certificate in {None, line.certificate}
        for line in LISTED
    )


def seen_by(operator: str) -> set[str]:
    """Hidden mailboxes that an operator is shown: those it wrote, and in its domains those that nobody wrote yet."""
    written = {f"{WRITTEN}@{domain}" for domain, writer in WRITERS.items() if writer == operator}
    is_gone = OPERATORS[operator].state == "left"
    filed = {f"{FILED}@{domain}" for domain in WRITERS if owns(operator, domain) and not is_gone}
    return written | filed

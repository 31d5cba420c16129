"""The pre-send check: whether the directory vouches for an address, else why not, and whom to ask.

    published?  ─ yes ─► deliverable
         └─ no ─ withdrawn? ─ yes ─► withdrawn · holder_inactive · domain_unlisted
                     └─ no ─ domain listed? ─ yes ─► unknown
                                 └─ no ─► look_alike · domain_unknown · foreign
    what is no address at all: look_alike where its domain tells which is meant, else syntax

An address without a row is judged by its domain alone, so that a hidden one answers like one that never was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from app.identifiers import InvalidIdentifier, MailboxAddress
from app.mail_domains import is_accepted
from app.search.check_alike import Alike
from app.search.check_reading import Known
from app.search.check_space import Owner, TrustSpace


class Reason(StrEnum):
    """Why the directory does not vouch for an address."""

    UNKNOWN = "unknown"
    WITHDRAWN = "withdrawn"
    HOLDER_INACTIVE = "holder_inactive"
    DOMAIN_UNLISTED = "domain_unlisted"
    DOMAIN_UNKNOWN = "domain_unknown"
    FOREIGN = "foreign"
    LOOK_ALIKE = "look_alike"
    SYNTAX = "syntax"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one address. `ask` = who serves the domain that is meant, for a letter that does not arrive."""

    reason: Reason | None
    cause: str | None = None
    type: str | None = None
    since: str | None = None
    successor: str | None = None
    suggestion: str | None = None
    alike: Sequence[str] = ()
    ask: Sequence[Owner] = ()


@dataclass(frozen=True)
class Judge:
    """Judges the addresses of one question. `accepted` = the domains of the trust space, listed or not (settings)."""

    known: Known
    space: TrustSpace
    accepted: Sequence[str]
    _looks: dict[str, Alike | None] = field(default_factory=dict)

    def verdict(self, asked: str) -> Verdict:
        """What is said of a text that may be anything."""
        try:
            address = MailboxAddress.parse(asked)
        except InvalidIdentifier as error:
            cause = error.reason if asked.strip() else "missing"
            return self._meant(asked.strip()) or Verdict(Reason.SYNTAX, cause)
        if mailbox := self.known.published.get(address):
            return Verdict(None, type=mailbox.type)
        owners = self.space.owners.get(address.domain, ())
        if gone := self.known.gone.get(address):
            return Verdict(Reason(gone.reason), since=gone.since, successor=gone.successor, ask=owners)
        return Verdict(Reason.UNKNOWN, ask=owners) if owners else self._of_no_listed_domain(address)

    def _of_no_listed_domain(self, address: MailboxAddress) -> Verdict:
        if alike := self._meant(address):
            return alike
        if not is_accepted(address.domain, self.accepted):
            return Verdict(Reason.FOREIGN)
        return Verdict(Reason.DOMAIN_UNKNOWN if self.known.is_domain_rule_on else Reason.UNKNOWN)

    def _meant(self, text: str) -> Verdict | None:
        """What a look-alike of a listed domain is told; None where there is none that would make an address of it.

        Without a white list in force nobody knows all domains: one that looks like another may be as good.
        """
        if text.count("@") != 1 or not self.known.is_domain_rule_on:
            return None
        local_part, _, domain = text.partition("@")
        if domain not in self._looks:
            self._looks[domain] = self.space.alikes.of(domain)
        alike = self._looks[domain]
        if alike is None or parsed(f"{local_part}@{alike.domains[0]}") is None:
            return None
        only = alike.domains[0] if len(alike.domains) == 1 else None
        return Verdict(
            Reason.LOOK_ALIKE,
            alike.cause,
            suggestion=only and f"{local_part}@{only}".lower(),
            alike=alike.domains,
            ask=self.space.owners[only] if only else (),
        )


def parsed(text: str) -> MailboxAddress | None:
    """The address written in a text, if it is one."""
    try:
        return MailboxAddress.parse(text)
    except InvalidIdentifier:
        return None

"""Of all mailboxes of a recipient, the one that takes a document, and why; or why none does. Pure.

Order: the rule's place, then the structure that was asked for, then the service that was asked for (the fewer words
beside it, the better), then the score (rank, order and tie of the rules), then the address. docs/resolving.md says the
same to whoever reads LDAP.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from app.mailboxes.use import STRUCTURAL, Mailbox, Standing, Use, services_of, standings

ReasonCode = Literal[
    "recipient.unknown",
    "recipient.ambiguous",
    "recipient.inexact",
    "address.unknown",
    "address.withdrawn",
    "mailbox.none",
    "mailbox.unfit",
    "mailbox.too_many",
    "service.needed",
    "service.unknown",
    "structure.needed",
]
OTHER_SERVICE = 1_000


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent, and what was said of where. Keys; empty = nothing was said.

    `person` = the recipient, where it is one; `structures` = where that person works.
    """

    use: Use
    service: frozenset[str] = frozenset()
    organization: frozenset[str] = frozenset()
    person: str | None = None
    structures: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Option:
    """A mailbox that could be taken, by which rule."""

    mailbox: Mailbox
    standing: Standing

    @property
    def address(self) -> str:
        return str(self.mailbox["address"])


@dataclass(frozen=True, slots=True)
class Choice:
    """`options` in order. `chosen` is the first of them, or None for a `reason`.

    `structures`: between which the person who asks has to choose.
    """

    options: Sequence[Option]
    reason: ReasonCode | None = None
    structures: Sequence[str] = ()

    @property
    def chosen(self) -> Option | None:
        return None if self.reason else self.options[0]

    @property
    def others(self) -> Sequence[Option]:
        return self.options if self.reason else self.options[1:]


def choose(mailboxes: Sequence[Mailbox], question: Question) -> Choice:
    """The choice among all mailboxes of a recipient, in whatever order they come."""
    options = sorted(_options(mailboxes, question), key=lambda option: _order(option, question))
    if options:
        doubtful = _doubtful(options, question)
        return Choice(options, "structure.needed", doubtful) if doubtful else Choice(options)
    # What would be taken if its service had been asked for.
    waiting = sorted(
        (
            Option(mailbox, standing)
            for mailbox in mailboxes
            for standing in standings(mailbox)
            if standing.use == question.use and standing.rule.when == "its_service"
        ),
        key=lambda option: (option.standing.score, option.address),
    )
    if waiting:
        return Choice(waiting, "service.unknown" if question.service else "service.needed")
    return Choice((), "mailbox.unfit" if mailboxes else "mailbox.none")


def persons_of(mailbox: Mailbox) -> frozenset[str]:
    """National identifications of those whose own it is: what a structure holds is no person's, whomever it names."""
    if mailbox["type"] in STRUCTURAL:
        return frozenset()
    holders = [mailbox["practitioner"], *(each["practitioner"] for each in mailbox["attachments"])]
    return frozenset(each["national_id"] for each in holders if each and each["national_id"])


def structures_of(mailbox: Mailbox) -> frozenset[str]:
    """Keys of the structures that it is held at."""
    holders = [mailbox["organization"], *(each["organization"] for each in mailbox["attachments"])]
    return frozenset(each["id"] for each in holders if each and each["id"])


def _options(mailboxes: Iterable[Mailbox], question: Question) -> Iterable[Option]:
    for mailbox in mailboxes:
        is_its_service = bool(question.service) and question.service <= services_of(mailbox)
        for standing in standings(mailbox):
            if standing.use == question.use and standing.applies(
                is_asked=bool(question.service), is_its_service=is_its_service
            ):
                yield Option(mailbox, standing)


def _order(option: Option, question: Question) -> tuple[int, bool, int, int, str]:
    named = services_of(option.mailbox)
    if not question.service:
        distance = 0
    else:
        distance = len(named - question.service) if question.service <= named else OTHER_SERVICE
    is_elsewhere = not (question.organization & structures_of(option.mailbox))
    return option.standing.place, is_elsewhere, distance, option.standing.score, option.address


def _doubtful(options: Sequence[Option], question: Question) -> list[str]:
    """The structures between which nothing decides: a person works at several, and none was asked for."""
    if question.person is None or question.organization or question.person in persons_of(options[0].mailbox):
        return []
    theirs = [
        structures_of(option.mailbox) & question.structures
        for option in options
        if question.person not in persons_of(option.mailbox)
    ]
    return [] if frozenset.intersection(*theirs) else sorted(frozenset.union(*theirs))

"""Who is meant: from a name, an address or an id to one person or one structure, never the first of several."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from starlette.requests import Request

from app.budgets.breadth import SearchTooBroad, require_narrow
from app.identifiers import InvalidIdentifier, MailboxAddress, organization_candidates, practitioner_keys
from app.mailboxes.queries import by_address
from app.mailboxes.use import STRUCTURAL, asked_words, services_of
from app.pipelined import Reads
from app.practitioners.by_name import ByName
from app.practitioners.queries import of_query
from app.practitioners.schemas import PractitionerQuery
from app.problems import InvalidRequest
from app.publication.listing import Found
from app.publication.names import folded
from app.publication.reading import Pool
from app.search.resolve_choice import ReasonCode, persons_of, structures_of
from app.search.resolve_parties import mailbox_parties, practitioner_party
from app.search.resolve_reading import Published, Snapshot
from app.search.resolve_schemas import CANDIDATES, NAMES, PLACES, Candidate, NoteCode, Resolve

Shown = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom the question is about, by ids.

    `near`: the structure of the address that was asked for, where nothing was said of one: it stands in for the person,
    and does not part the person's own mailboxes. `alone`: a mailbox that nobody is known to hold.
    """

    practitioner: tuple[str, ...] = ()
    organization: tuple[str, ...] = ()
    near: frozenset[str] = frozenset()
    alone: str | None = None
    address: str | None = None
    service: frozenset[str] = frozenset()
    notes: tuple[NoteCode, ...] = ()


@dataclass(frozen=True, slots=True)
class Nobody:
    """Why nobody, or not one alone, is meant. `shown`: documents of those named as candidates."""

    reason: ReasonCode
    candidates: Sequence[Candidate] = ()
    more: bool = False
    shown: Sequence[Shown] = ()


async def asked_of(
    request: Request, body: Resolve, reads: Reads, snapshot: Snapshot
) -> tuple[Asked | Nobody, int | None]:
    """Whom the body means, and the edition that says so where it is not the snapshot's.

    Raises InvalidRequest, SearchTooBroad: a name that says too little.
    """
    place = () if body.organization is None else _structure_ids(body.organization)
    service = asked_words(body.service)
    if body.address is not None:
        days = request.app.state.settings.mailbox_tombstone_days
        return await _by_address(reads, days, body.address, place, service)
    if body.practitioner is not None:
        ids = tuple(dict.fromkeys((body.practitioner, *practitioner_keys(body.practitioner))))
        return Asked(ids, place, service=service), None
    if any(getattr(body, name) is not None for name in NAMES):
        found = await _by_name(request, body, snapshot.moment)
        return replace(found, organization=place, service=service) if isinstance(found, Asked) else found, None
    return Asked(organization=place, service=service), None


async def _by_name(request: Request, body: Resolve, moment: Pool) -> Asked | Nobody:
    """The only person of exactly this name; else those among whom to choose."""
    try:
        found, exact = await _search(request, body, moment)
    except (InvalidRequest, SearchTooBroad) as refused:
        faults = [
            {**each, "pointer": each["pointer"].replace("/query/", "/body/")} for each in refused.members["errors"]
        ]
        raise type(refused)(refused.detail, errors=faults) from None
    if len(exact) == 1:
        return Asked(practitioner=(exact[0][-1],))
    if not found.rows:
        return Nobody("recipient.unknown")
    meant = (exact or found.rows)[:CANDIDATES]
    people = [practitioner_party(row[0]) for row in meant]
    shown = [(row[-1], row[0]) for row in meant]
    is_more = len(exact or found.rows) > CANDIDATES
    return Nobody("recipient.ambiguous" if exact else "recipient.inexact", people, is_more, shown)


async def _search(request: Request, body: Resolve, pool: Pool) -> tuple[Found, list[tuple[Any, ...]]]:
    """The search for professionals, as it is; and of its rows those with no other name than the one typed.

    Raises InvalidRequest, SearchTooBroad.
    """
    texts = {"name": body.name, "family": body.family, "given": body.given, "city": body.city}
    keys = await folded(pool, texts)
    places = [*(getattr(body, place) for place in PLACES), body.organization]
    require_narrow(request, {name: keys[name] for name in NAMES}, places)
    filters = {name: getattr(body, name) for name in (*NAMES, *PLACES, "organization")}
    query = PractitionerQuery(**filters, limit=CANDIDATES, cursor=None)
    search = of_query(query, keys)
    found = await search.page(pool, None, CANDIDATES)
    # MARTIN DUPONT is found for MARTIN too, and is somebody else.
    return found, [row for row in found.rows if isinstance(search, ByName) and search.is_whole(row)]


async def _by_address(
    reads: Reads, days: int, text: str, place: tuple[str, ...], service: frozenset[str]
) -> tuple[Asked | Nobody, int | None]:
    """Whoever holds this address, or the one that follows it; and the edition of what was read of it."""
    try:
        address = MailboxAddress.parse(text)
    except InvalidIdentifier:
        return Nobody("address.unknown"), None
    found = await by_address(reads, address, days)
    edition = found.edition
    notes: tuple[NoteCode, ...] = ()
    if found.withdrawal is not None and found.withdrawal.successor is not None:
        address, notes = MailboxAddress.parse(found.withdrawal.successor), ("address.replaced",)
        found = await by_address(reads, address, days)
        edition = min(edition, found.edition)
    if found.row is None:
        return Nobody("address.unknown" if found.withdrawal is None else "address.withdrawn"), edition
    mailbox = Published.of(address, found.row.document().decode())
    return _holder(mailbox, Asked((), place, address=address, service=service, notes=notes)), edition


def _holder(mailbox: Published, asked: Asked) -> Asked | Nobody:
    """The one who holds a mailbox, at its structure; a service's mailbox asks for its service."""
    persons, structures = persons_of(mailbox.value), structures_of(mailbox.value)
    is_structural = mailbox.value["type"] in STRUCTURAL
    kind: Literal["organization", "practitioner"] = "organization" if is_structural else "practitioner"
    holders = structures if is_structural else persons
    if not holders:
        return replace(asked, alone=mailbox.key)
    if len(holders) > 1:
        return Nobody("recipient.ambiguous", mailbox_parties(mailbox.value, kind), shown=[(mailbox.key, mailbox.text)])
    if is_structural:
        service = asked.service or services_of(mailbox.value)
        return replace(asked, organization=tuple(holders), service=service)
    return replace(asked, practitioner=tuple(holders), near=structures)


def _structure_ids(text: str) -> tuple[str, ...]:
    return organization_candidates(text) or (text,)

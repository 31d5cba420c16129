"""Where to look: the recipient's own mailboxes, those of its structures, then those of their legal entities."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.identifiers import organization_candidates
from app.mailboxes.use import Use
from app.search.resolve_choice import Choice, Option, Question, choose, persons_of, structures_of
from app.search.resolve_parties import bare_party, mailbox_parties, organization_party, practitioner_party
from app.search.resolve_reading import MOST_MAILBOXES, Published, Snapshot
from app.search.resolve_recipient import Asked, Nobody
from app.search.resolve_schemas import Candidate, Fallback, Recipient

# What another structure's mailbox could not answer either.
FINAL = {"structure.needed", "service.needed"}


@dataclass(frozen=True, slots=True)
class Settled:
    """Who was asked for, who that is, the choice, and the texts of all mailboxes that it was made from.

    `structures`: those that `choice` leaves open. `person`: the recipient's document, where it shows one.
    """

    asked: Asked
    recipient: Recipient
    question: Question
    choice: Choice
    texts: dict[str, str]
    structures: Sequence[Candidate] = ()
    person: Published | None = None
    is_legal_entity: bool = False

    def fallback(self, option: Option) -> Fallback | None:
        """Whose mailbox it is, where it is not the recipient's own."""
        if self.is_legal_entity:
            return "legal_entity"
        person = self.question.person
        return "structure" if person is not None and person not in persons_of(option.mailbox) else None


async def settle(snapshot: Snapshot, asked: Asked, use: Use) -> Settled | Nobody:
    """The choice for whom was asked. Nobody: the ids are nobody's, or those of several."""
    if asked.alone is not None:
        return await _alone(snapshot, asked, asked.alone, use)
    structures = await snapshot.documents("organization", _first(asked.organization), asked.organization)
    if len(structures) > 1:
        return Nobody("recipient.ambiguous", [organization_party(each.value) for each in structures])
    place = frozenset(each.key for each in structures) or frozenset(asked.organization)
    if not asked.practitioner:
        return await _of_structure(snapshot, asked, structures, place, use)
    return await _of_person(snapshot, asked, structures, place, use)


async def _alone(snapshot: Snapshot, asked: Asked, address: str, use: Use) -> Settled | Nobody:
    held = await snapshot.documents("mailbox", address, [address])
    if not held:
        return Nobody("address.unknown")
    question = Question(use, asked.service)
    return _settled(asked, Recipient(kind="mailbox", id=address, name=None), question, held)


async def _of_structure(
    snapshot: Snapshot, asked: Asked, structures: Sequence[Published], place: frozenset[str], use: Use
) -> Settled | Nobody:
    held = await snapshot.mailboxes((), place)
    if not structures and not held:
        return Nobody("recipient.unknown")
    recipient = _structure(structures, held, place)
    settled = _settled(asked, recipient, Question(use, asked.service, place), held)
    return await _or_legal_entity(snapshot, settled, structures)


async def _of_person(
    snapshot: Snapshot, asked: Asked, structures: Sequence[Published], place: frozenset[str], use: Use
) -> Settled | Nobody:
    people = await snapshot.documents("practitioner", _first(asked.practitioner), asked.practitioner)
    if len(people) > 1:
        shown = [(each.key, each.text) for each in people]
        return Nobody("recipient.ambiguous", [practitioner_party(each.value) for each in people], shown=shown)
    works_at = frozenset(
        role["organization"]["id"] for each in people for role in each.value["roles"] if role["organization"]
    )
    around = place or asked.near or works_at
    held = await snapshot.mailboxes((each.key for each in people) if people else asked.practitioner, around)
    # A file may name a person that no register knows (yet).
    own = [each for each in held if persons_of(each.value) & {*asked.practitioner, *(each.key for each in people)}]
    if not people and not own:
        return Nobody("recipient.unknown")
    if place and not structures and not any(structures_of(each.value) & place for each in held):
        return Nobody("recipient.unknown")
    recipient = _person(people, own, asked.practitioner)
    question = Question(use, asked.service, place, recipient.id, around)
    settled = replace(_settled(asked, recipient, question, held), person=people[0] if people else None)
    if settled.choice.reason == "structure.needed":
        return replace(settled, structures=await _named(snapshot, settled.choice.structures))
    at = structures or await snapshot.documents("organization", None, around) if settled.choice.reason else structures
    return await _or_legal_entity(snapshot, settled, at)


async def _or_legal_entity(snapshot: Snapshot, settled: Settled, structures: Sequence[Published]) -> Settled:
    """The same, or what their legal entities have where they have nothing that fits."""
    parents = {each.value["parent"] for each in structures} - {None}
    if settled.choice.reason is None or settled.choice.reason in FINAL or not parents:
        return settled
    keys = frozenset(key for parent in parents for key in organization_candidates(parent))
    held = await snapshot.mailboxes((), keys)
    question = replace(settled.question, organization=frozenset(), structures=keys)
    above = replace(
        _settled(settled.asked, settled.recipient, question, held), person=settled.person, is_legal_entity=True
    )
    if above.choice.reason == "structure.needed":
        return replace(above, structures=await _named(snapshot, above.choice.structures))
    return settled if above.choice.reason else above


def _settled(asked: Asked, recipient: Recipient, question: Question, held: Sequence[Published]) -> Settled:
    if len(held) > MOST_MAILBOXES:
        return Settled(asked, recipient, question, Choice((), "mailbox.too_many"), {})
    choice = choose([each.value for each in held], question)
    return Settled(asked, recipient, question, choice, {each.key: each.text for each in held})


async def _named(snapshot: Snapshot, keys: Sequence[str]) -> list[Candidate]:
    """Structures to choose between; one that is not published itself is named by its key."""
    found = {each.key: organization_party(each.value) for each in await snapshot.documents("organization", None, keys)}
    return [found.get(key) or bare_party(key) for key in keys]


def _structure(structures: Sequence[Published], held: Sequence[Published], place: frozenset[str]) -> Recipient:
    parties = [organization_party(each.value) for each in structures] or [
        party for each in held for party in mailbox_parties(each.value, "organization") if party.id in place
    ]
    return Recipient(kind="organization", id=parties[0].id, name=parties[0].name)


def _person(people: Sequence[Published], own: Sequence[Published], asked: Sequence[str]) -> Recipient:
    parties = [practitioner_party(each.value) for each in people] or [
        party for each in own for party in mailbox_parties(each.value, "practitioner") if party.id in asked
    ]
    return Recipient(kind="practitioner", id=parties[0].id, name=parties[0].name)


def _first(ids: Sequence[str]) -> str | None:
    return ids[0] if ids else None

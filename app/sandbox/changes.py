"""What differs on the following day, at the rates measured in 2026, and at least a few of each kind at any size."""

from dataclasses import dataclass, replace
from random import Random

from app.sandbox.persons import Person

LEAVER_WITH_MAILBOX = 13  # the special person struck off while the mailbox stays in the extraction


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes of one day, by index; the first day has none. Mailbox positions count ordinary lines, from 0."""

    left: frozenset[int] = frozenset()
    corrected: frozenset[int] = frozenset()
    equipped: frozenset[int] = frozenset()
    removed_person_boxes: frozenset[int] = frozenset()
    removed_organization_boxes: frozenset[int] = frozenset()
    closed_sites: frozenset[int] = frozenset()
    added_persons: int = 0
    added_organization_boxes: int = 0
    opened_sites: int = 0
    added_domains: int = 0


def draw_changes(rng: Random, *, first: int, professionals: int, sites: int, organization_boxes: int) -> Changes:
    """The changes of the second day. Persons below index `first` and the first sites are fixed, save one leaver."""

    def sample(low: int, high: int, rate: float, least: int) -> frozenset[int]:
        return frozenset(rng.sample(range(low, high), min(high - low, max(least, round(rate * professionals)))))

    left = sample(first, professionals, 0.0002, 3)
    return Changes(
        left=left | {LEAVER_WITH_MAILBOX},
        corrected=sample(first, professionals, 0.0005, 6) - left,
        equipped=sample(first, professionals, 0.00012, 3) - left,
        # One ordinary person in five has a mailbox, at the least: positions below exist.
        removed_person_boxes=sample(0, (professionals - first) // 8, 0.00021, 3),
        removed_organization_boxes=sample(0, organization_boxes, 0.00004, 2),
        closed_sites=sample(sites // 2 + 2, sites, 0.00001, 2),
        added_persons=max(3, round(0.00026 * professionals)),
        added_organization_boxes=max(2, round(0.00003 * professionals)),
        opened_sites=max(2, round(0.00001 * professionals)),
        added_domains=max(1, min(20, professionals // 50_000)),
    )


def corrected(person: Person) -> Person:
    """The person with one field put right: phone, title or name, by index; the name when the others are not given."""
    activity = person.activities[0]
    if person.index % 3 == 0 and activity.structure.phone:
        phone = "" if activity.phone else activity.structure.phone
        return replace(person, activities=(replace(activity, phone=phone), *person.activities[1:]))
    if person.index % 3 == 1 and person.title.startswith("DR"):
        return replace(person, title="PR|Professeur")
    return replace(person, family=f"{person.family}-CORRIGE")

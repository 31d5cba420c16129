"""Which professional of the register a member is.

By number: the number decides, and the names beside it, where there are some, must not speak against it. One row too
far in a spreadsheet gives everybody the neighbour's number, and each is a good one.

By names: never by itself. One person that fits is told, with the number, for whoever knows the member to confirm;
`by_names` takes that person at once. Letters for a patient go where this points, so a guess is not a match.
"""

import re
import unicodedata
from collections.abc import Sequence

from app.members.directory import Directory, Person
from app.members.left_out import LeftOut
from app.members.member import Member, Names

SHOWN = 3

# The number that a mailbox is published for ("" for one of a structure), or why it is not.
Match = str | LeftOut


class Matcher:
    """Asks the directory. `asks_all`: also for numbers with which no name is given."""

    def __init__(self, directory: Directory, *, by_names: bool, asks_all: bool) -> None:
        self._directory = directory
        self._by_names = by_names
        self._asks_all = asks_all

    def match(self, members: Sequence[Member]) -> list[Match]:
        """For each member, at most 1 000 of them, its number. Raises Refused."""
        asked = sorted({each.practitioner for each in members if self._is_asked(each)})
        persons = self._directory.persons(asked) if asked else {}
        return [self._matched(member, persons) for member in members]

    def _is_asked(self, member: Member) -> bool:
        return bool(member.practitioner and (member.names.family or self._asks_all))

    def _matched(self, member: Member, persons: dict[str, Person]) -> Match:
        if not member.practitioner:
            return self._named(member) if member.needs_person and not member.is_withdrawn else ""
        person = persons.get(member.practitioner)
        if person is None:
            # Unknown or closed: the directory tells the two apart when it is asked to publish.
            if self._asks_all:
                return LeftOut("mailbox.practitioner_unknown", "no professional with this number is published")
            return member.practitioner
        if member.names.family and not may_be_named(person, member.names.family):
            return LeftOut(
                "member.name_differs",
                f"the number is that of {_shown(person)}: correct it, or empty the names if it is right",
            )
        return member.practitioner

    def _named(self, member: Member) -> Match:
        if not member.names.can_be_looked_for:
            return LeftOut("member.number_missing", "give the RPPS, or family, given and the place or profession")
        # The search finds MARTIN DUPONT for MARTIN too; nobody but the member may be guessed.
        found = [person for person in self._directory.namesakes(member.names) if is_named(person, member.names)]
        if not found:
            return LeftOut("member.not_found", "no professional of this name works there: give the RPPS")
        told = "; ".join(_shown(person) for person in found[:SHOWN])
        if len(found) > 1:
            return LeftOut("member.homonyms", f"{_count(found)} have this name there, give the RPPS: {told}")
        if self._by_names:
            return str(found[0]["national_id"])
        return LeftOut("member.to_confirm", f"one fits, give the RPPS if it is the member's: {told}")


def may_be_named(person: Person, family: str) -> bool:
    """Whether this family name may be the person's: one of several, or with others beside it, is enough."""
    known, given = _words(person["family"]), _words(family)
    return bool(known and given) and (known <= given or given <= known)


def is_named(person: Person, names: Names) -> bool:
    """Whether the person has these names and no others, in whatever case, accents and order."""
    known = _words(person["family"]), _words(person["given"] or "")
    return known == (_words(names.family), _words(names.given))


def _words(name: str) -> set[str]:
    """Upper-case words without accents; an apostrophe and a hyphen part words."""
    spelt = name.replace("œ", "oe").replace("Œ", "OE").replace("ß", "ss").replace("æ", "ae").replace("Æ", "AE")
    folded = unicodedata.normalize("NFKD", spelt)
    plain = "".join(char for char in folded if not unicodedata.combining(char)).upper()
    return set(re.findall(r"[A-Z0-9]+", plain))


def _count(found: Sequence[Person]) -> str:
    return f"{len(found)} or more" if len(found) >= 10 else str(len(found))  # noqa: PLR2004 - what a page holds


def _shown(person: Person) -> str:
    """Number, name and place, as the directory publishes them."""
    places = (role["place"] for role in person["roles"] if role["place"])
    city = next((place["city"] for place in places if place["city"]), None)
    parts = (person["rpps"] or person["national_id"], person["family"], person["given"], city)
    return " ".join(part for part in parts if part)

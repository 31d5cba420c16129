"""Write the files of one day.

The second day is the first one drawn again from the same streams, with the changes laid over it: whatever did not
change comes out as the same line. New things come last in each file, from streams of their own.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from app.sandbox import whitelist
from app.sandbox.chance import stream
from app.sandbox.changes import LEAVER_WITH_MAILBOX, Changes, corrected
from app.sandbox.domains import Domains, domain_count, draw_domains
from app.sandbox.files import (
    ACTIVITY,
    DIPLOMAS,
    MAILBOXES,
    SKILLS,
    LineFile,
    data_lines,
)
from app.sandbox.finess_plus import write_finess_plus
from app.sandbox.mailboxes import ORGANIZATION_BOXES_PER_PROFESSIONAL, Box, BoxMaker, organization_line, person_line
from app.sandbox.names import draw_names
from app.sandbox.persons import Person, PersonMaker
from app.sandbox.places import address_pool
from app.sandbox.practices import Workplaces
from app.sandbox.qualifications import qualification_rows
from app.sandbox.sites import SiteMaker, finess_head, site_count
from app.sandbox.specials import (
    SPECIAL_PERSONS,
    TWICE_PRINTED,
    special_organization_boxes,
    special_persons,
    unknown_holder,
)

Progress = Callable[[int], None]

_DUPLICATE_EVERY, _DUPLICATE_AT = 10_000, 5_000  # 0.01 % of the rows are exact duplicates
_PROGRESS_EVERY = 5_000


class Day:
    """One run over one day. All that is drawn in advance is of bounded size; persons pass one by one."""

    def __init__(self, professionals: int, seed: int, stamp: datetime, changes: Changes) -> None:
        self._professionals = professionals
        self._seed = seed
        self._stamp = stamp
        self._changes = changes
        domains = draw_domains(stream(seed, "domains"), professionals, changes.added_domains)
        self._domains: Domains = domains
        self._site_maker = SiteMaker(stream(seed, "sites"), domains)
        self._sites = list(self._site_maker.sites(site_count(professionals)))
        addresses = address_pool(stream(seed, "addresses"), professionals)
        self._workplaces = Workplaces(self._sites, addresses, domains)
        self._names = draw_names(stream(seed, "names"), professionals)
        self._taken: set[str] = set()
        self._position = 0  # of the next ordinary PER line, as the changes count them
        self._equipped: list[Person] = []
        self._diplomas: LineFile | None = None

    def write_whitelist(self, out: LineFile) -> None:
        operators = whitelist.draw_operators(self._professionals)
        whitelist.write_head(out, self._stamp)
        for entry in whitelist.entries(stream(self._seed, "whitelist"), self._domains, operators, self._stamp):
            whitelist.write_entry(out, entry)
        whitelist.write_tail(out)

    def write_sites(self, out: LineFile, plus: LineFile | None) -> None:
        """The FINESS stock, and the same sites as FINESS+ where that is asked for."""
        opened = list(self._site_maker.sites(self._changes.opened_sites))

        def lines() -> Iterator[str]:
            for index, site in enumerate(self._sites):
                if index not in self._changes.closed_sites:
                    yield site.finess_line
            yield from (site.finess_line for site in opened)

        out.head(finess_head(self._stamp.date()))
        for line in lines():
            out.row(line)
        if plus is not None:
            write_finess_plus(plus, lines(), self._stamp)

    def write_people(
        self, activity: LineFile, skills: LineFile, boxes: LineFile, diplomas: LineFile | None, progress: Progress
    ) -> None:
        """The PS_LibreAcces files and the mailboxes, in one pass over the persons; diplomas where asked for."""
        for out, name in ((activity, ACTIVITY), (skills, SKILLS), (boxes, MAILBOXES), (diplomas, DIPLOMAS)):
            if out is not None:
                out.head(data_lines(f"{name}.txt")[0])
        self._diplomas = diplomas
        self._write_specials(activity, skills, boxes)
        maker = PersonMaker(stream(self._seed, "persons"), self._names, self._workplaces)
        box_maker = self._box_maker("mailboxes")
        for index in range(SPECIAL_PERSONS, self._professionals):
            person = maker.person(index)
            self._write_ordinary(person, box_maker.draw_for(person), activity, skills, boxes)
            if index % _PROGRESS_EVERY == 0:
                progress(index)
        self._write_organization_boxes(boxes)
        self._write_newcomers(activity, skills, boxes)
        progress(self._professionals)

    def _write_person(self, person: Person, activity: LineFile, skills: LineFile) -> None:
        for row in person.activity_rows():
            activity.row(row)
        for row in person.skill_rows():
            skills.row(row)
        if self._diplomas is not None:
            # A stream for each person: who leaves or is corrected moves nobody else's diplomas.
            for row in qualification_rows(stream(self._seed, f"diplomas {person.index}"), person):
                self._diplomas.row(row)

    def _box_maker(self, name: str) -> BoxMaker:
        return BoxMaker(stream(self._seed, name), self._domains, self._workplaces, self._taken)

    def _write_specials(self, activity: LineFile, skills: LineFile, boxes: LineFile) -> None:
        for person, person_boxes in special_persons(self._workplaces):
            if person.index not in self._changes.left:
                self._write_person(person, activity, skills)
            if person.index not in self._changes.left or person.index == LEAVER_WITH_MAILBOX:
                self._write_fixed_boxes(boxes, person, person_boxes)
            if person.index == TWICE_PRINTED:
                activity.row(next(person.activity_rows()))
        self._write_fixed_boxes(boxes, *unknown_holder())

    def _write_fixed_boxes(self, out: LineFile, person: Person, person_boxes: tuple[Box, ...]) -> None:
        for box in person_boxes:
            self._taken.add(box.address.lower())
            out.row(person_line(person, box))

    def _write_ordinary(
        self, person: Person, person_boxes: tuple[Box, ...], activity: LineFile, skills: LineFile, boxes: LineFile
    ) -> None:
        changes, first = self._changes, self._position
        self._position += len(person_boxes)
        if person.index in changes.left:
            return
        if person.index in changes.corrected:
            person = corrected(person)
        if person.index in changes.equipped:
            self._equipped.append(person)
        self._write_person(person, activity, skills)
        if person.index % _DUPLICATE_EVERY == _DUPLICATE_AT:
            activity.row(next(person.activity_rows()))
        for position, box in enumerate(person_boxes, first):
            if position not in changes.removed_person_boxes:
                boxes.row(person_line(person, box))

    def _write_organization_boxes(self, out: LineFile) -> None:
        for box in special_organization_boxes(self._workplaces):
            self._taken.add(box.address)
            out.row(organization_line(box))
        maker = self._box_maker("services")
        for position, box in enumerate(maker.organization_boxes(organization_box_count(self._professionals))):
            if position not in self._changes.removed_organization_boxes:
                out.row(organization_line(box))

    def _write_newcomers(self, activity: LineFile, skills: LineFile, boxes: LineFile) -> None:
        maker = PersonMaker(stream(self._seed, "newcomers"), self._names, self._workplaces)
        box_maker = self._box_maker("new mailboxes")
        for person in self._equipped:
            boxes.row(person_line(person, box_maker.box_for(person)))
        for rank in range(self._changes.added_persons):
            person = maker.person(self._professionals + rank)
            self._write_person(person, activity, skills)
            if rank % 2 == 0:
                boxes.row(person_line(person, box_maker.box_for(person)))
        for box in box_maker.organization_boxes(self._changes.added_organization_boxes):
            boxes.row(organization_line(box))


def organization_box_count(professionals: int) -> int:
    """Ordinary ORG mailboxes: 15 % of all at national size, and at least one in each domain."""
    return max(domain_count(professionals) + 4, round(professionals * ORGANIZATION_BOXES_PER_PROFESSIONAL))

"""Mailboxes: who has one, its address, and the lines of Extraction_Correspondance_MSSante."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from app.sandbox.chance import happens, pick, spread
from app.sandbox.domains import Domains
from app.sandbox.names import mail_word
from app.sandbox.persons import Person
from app.sandbox.practices import Workplaces
from app.sandbox.professions import PROFESSIONS
from app.sandbox.sites import NOWHERE, Structure

ORGANIZATION_BOXES_PER_PROFESSIONAL = 79_886 / 1_912_833
_LOCAL_PARTS = spread(
    [("full", 0.80), ("initial", 0.05), ("numbered", 0.05), ("reversed", 0.05), ("hyphen", 0.05)], slots=100
)
_IDLE_FACTOR = 0.1  # people without structure seldom keep a mailbox
_MAX_LOCAL_PART = 56  # leaves room for a number within the 64 of the norm
_SERVICES = ("CARDIOLOGIE", "URGENCES", "PHARMACIE", "Laboratoire", "SECRETARIAT MEDICAL", "Pédiatrie", "GÉRIATRIE",
             "Hospitalisation à domicile", "IMAGERIE", "ADMISSIONS", "Unité mobile de soins palliatifs")  # fmt: skip
_SERVICE_WORDS = ("secretariat", "accueil", "urgences", "laboratoire", "pharmacie", "cardiologie", "imagerie",
                  "admissions", "geriatrie", "pediatrie", "direction", "infirmerie", "hospitalisation")  # fmt: skip
_PERSON_COLUMNS = "|||||||||"


@dataclass(frozen=True, slots=True)
class Box:
    """One mailbox line: an address tied to at most one structure."""

    address: str
    structure: Structure
    service: str
    is_paperless: bool


def person_line(person: Person, box: Box) -> str:
    """A PER line: the person as the extraction prints it, one savoir-faire at most, without its type."""
    code, label, category, category_label = person.profession.split("|")
    skill = person.skills[0].split("|", 2)[2] if person.skills else "|"
    return (
        f"PER|{box.address}|{person.identity}|{box.structure.mailbox_id}|{box.service}|{person.title.split('|')[0]}|"
        f"{person.family}|{person.given}|{category}|{category_label}|{code}|{label}|{skill}|"
        f"{'O' if box.is_paperless else 'N'}|{box.structure.mailbox_columns}"
    )


def organization_line(box: Box) -> str:
    """An ORG line: columns 3-5 and 9-17 stay empty."""
    return (
        f"ORG|{box.address}||||{box.structure.mailbox_id}|{box.service}{_PERSON_COLUMNS}|"
        f"{'O' if box.is_paperless else 'N'}|{box.structure.mailbox_columns}"
    )


class BoxMaker:
    """Gives out addresses, each once. Keeps all of them: at national size about 50 MB, the largest thing in memory."""

    def __init__(self, rng: Random, domains: Domains, workplaces: Workplaces, taken: set[str]) -> None:
        """`taken`: addresses in lower case that are given out already; grows with each one made here."""
        self._rng = rng
        self._domains = domains
        self._workplaces = workplaces
        self._taken = taken

    def draw_for(self, person: Person) -> tuple[Box, ...]:
        """The mailboxes of a person, most often none."""
        share = PROFESSIONS[person.code].mailbox
        if person.activities[0].structure is NOWHERE:
            share *= _IDLE_FACTOR
        if not happens(self._rng, share):
            return ()
        first = self.box_for(person)
        if happens(self._rng, 0.0003):  # one address on two lines, for two structures
            return (first, Box(first.address, self._workplaces.sites[0].structure, "", first.is_paperless))
        return (first, self.box_for(person)) if happens(self._rng, 0.03) else (first,)

    def box_for(self, person: Person) -> Box:
        rng, place = self._rng, person.activities[0].structure
        profession = PROFESSIONS[person.code]
        has_domain = place.domain >= 0
        if happens(rng, profession.own_domain):
            domain = self._domains.of_profession(person.code)
        else:
            domain = place.domain if has_domain else self._domains.draw_local(rng)
        structure = place if has_domain and happens(rng, 0.8) else NOWHERE
        service = pick(rng, _SERVICES) if structure is not NOWHERE and happens(rng, 0.3) else ""
        address = self._address(self._person_word(person), self._domains.names[domain])
        return Box(address, structure, service, happens(rng, 0.6))

    def organization_boxes(self, count: int) -> Iterator[Box]:
        """`count` service mailboxes; the first ones give every domain at least one."""
        sites, rng = self._workplaces.sites, self._rng
        for number in range(count):
            structure = pick(rng, sites).structure
            if self._workplaces.companies and happens(rng, 0.1):
                structure = pick(rng, self._workplaces.companies)
            domain = number if number < self._domains.used else structure.domain
            service = pick(rng, _SERVICES) if happens(rng, 0.4) else ""
            word = pick(rng, _SERVICE_WORDS)
            if happens(rng, 0.5):
                word = f"{word}.{pick(rng, _SERVICE_WORDS)}"
            yield Box(self._address(word, self._domains.names[domain]), structure, service, happens(rng, 0.1))

    def _address(self, local_part: str, domain: str) -> str:
        """`local_part@domain`, with the next free number when it is taken."""
        address, number = f"{local_part}@{domain}", 2
        while address.lower() in self._taken:
            address, number = f"{local_part}{number}@{domain}", number + 1
        self._taken.add(address.lower())
        return address

    def _person_word(self, person: Person) -> str:
        given = mail_word(person.given.split(" ")[0]) or "x"
        family = mail_word(person.family) or "x"
        match pick(self._rng, _LOCAL_PARTS):
            case "initial":
                word = f"{given[0]}.{family}"
            case "numbered":
                word = f"{given}.{family}{1 + int(self._rng.random() * 98)}"
            case "reversed":
                word = f"{family}.{given}"
            case "hyphen":
                word = f"{given}-{family}"
            case _:
                word = f"{given}.{family}"
        if happens(self._rng, 0.02):
            word = word.title()
        return word[:_MAX_LOCAL_PART].rstrip(".-")

"""The truth table of `POST /v1/resolve`: what users expect, one line a case (tests/data/resolve_truth.csv).

`works`: structures where the person P works. `structures`: those that exist; `A<E`: E is the legal entity of A.
`held`: mailboxes, each `<local part> <type>`, then any of `P` `Q` (persons) `@A` (structures) `(service)`
`{description}` `#rank` `paper` `paperless` `hidden` `suspended`. Expected: local part, rule, fallback, and what else is
told (the reason, or the notes).
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.builders import a_practitioner, a_structure, publish

TABLE = Path(__file__).parents[1] / "data" / "resolve_truth.csv"
WORD = re.compile(r"\(([^)]*)\)|\{([^}]*)\}|(\S+)")
PAPER = {"paper": False, "paperless": True}
HIDDEN: dict[str, dict[str, object]] = {"hidden": {"unlisted": True}, "suspended": {"state": "suspended"}}
STRUCTURES = "ABCEF"
PERSONS = "PQ"


@dataclass(frozen=True)
class Held:
    """A mailbox of a case."""

    local_part: str
    type: str
    persons: tuple[str, ...] = ()
    structures: tuple[str, ...] = ()
    service: str | None = None
    description: str | None = None
    rank: int | None = None
    dematerialization: bool | None = None
    unlisted: bool = False
    state: str = "active"


@dataclass(frozen=True)
class Case:
    """One line of the table; `number` makes its people, structures and addresses its own."""

    number: int
    name: str
    works: tuple[str, ...]
    structures: dict[str, str | None]
    recipient: str
    held: tuple[Held, ...]
    document: str
    service: str | None
    at: str | None
    size: int | None
    address: str | None
    rule: str | None
    fallback: str | None
    told: frozenset[str] = field(default_factory=frozenset)

    @property
    def domain(self) -> str:
        return f"c{self.number}.mssante.fr"

    def rpps(self, person: str) -> str:
        return f"99{self.number:08}{PERSONS.index(person)}"

    def finess(self, structure: str) -> str:
        return f"99{self.number:06}{STRUCTURES.index(structure)}"

    @property
    def question(self) -> dict[str, object]:
        """What is posted."""
        kind, number = (
            ("practitioner", self.rpps("P")) if self.recipient == "P" else ("organization", self.finess(self.recipient))
        )
        at = {"organization": self.finess(self.at)} if self.at else {}
        said = {"service": self.service, "size": self.size}
        return {
            kind: number,
            **at,
            "document": self.document,
            **{name: value for name, value in said.items() if value is not None},
        }

    @property
    def expected(self) -> tuple[object, ...]:
        address = None if self.address is None else f"{self.address}@{self.domain}"
        return address, self.rule, self.fallback, self.told


def cases() -> list[Case]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [_case(number, row) for number, row in enumerate(csv.DictReader(file), 1)]


def _case(number: int, row: dict[str, str]) -> Case:
    pairs = [text.partition("<") for text in row["structures"].split()]
    return Case(
        number,
        row["case"],
        tuple(row["works"].split()),
        {name: parent or None for name, _, parent in pairs},
        row["recipient"],
        tuple(_held(text) for text in filter(None, row["held"].split("; "))),
        row["document"],
        row["service"] or None,
        row["at"] or None,
        int(row["size"]) if row["size"] else None,
        row["address"] or None,
        row["rule"] or None,
        row["fallback"] or None,
        frozenset(row["told"].split()),
    )


def _held(text: str) -> Held:
    local_part, kind, *_ = text.split(" ")
    rest = text[len(local_part) + len(kind) + 2 :]
    found: dict[str, object] = {}
    persons, structures = [], []
    for service, description, word in WORD.findall(rest):
        if service or description:
            found["service" if service else "description"] = service or description
        elif word in PERSONS:
            persons.append(word)
        elif word.startswith("@"):
            structures.append(word[1:])
        elif word.startswith("#"):
            found["rank"] = int(word[1:])
        elif word in PAPER:
            found["dematerialization"] = PAPER[word]
        else:
            found.update(HIDDEN[word])
    return Held(local_part, kind, tuple(persons), tuple(structures), **found)  # type: ignore[arg-type]


def build(connection: psycopg.Connection[object], case: Case) -> None:
    """The registry's rows of one case, published."""
    made: list[tuple[str, str]] = []
    keys = {}
    for name, parent in case.structures.items():
        keys[name] = a_structure(
            connection,
            finess=case.finess(name),
            name=f"STRUCTURE {name}",
            parent=case.finess(parent) if parent else None,
        )
        made.append(("organization", keys[name]))
    persons = {}
    for name in PERSONS:
        works = case.works if name == "P" else ()
        persons[name] = a_practitioner(connection, rpps=case.rpps(name), organization=keys[works[0]] if works else None)
        for place in works[1:]:
            _second_role(connection, persons[name], keys[place])
        made.append(("practitioner", persons[name]))
    mailboxes = [("mailbox", _mailbox(connection, case, held, persons, keys)) for held in case.held]
    publish(connection, *made, *mailboxes)


def _second_role(connection: psycopg.Connection[object], person: str, structure: str) -> None:
    connection.execute(
        "INSERT INTO practitioner_role (id, practitioner, profession, category, organization, mode, sector)"
        " VALUES (%s, %s, '10', 'C', %s, 'S', 'SA01')",
        (f"role of {person} at {structure}", person, structure),
    )


def _mailbox(
    connection: psycopg.Connection[object], case: Case, held: Held, persons: dict[str, str], keys: dict[str, str]
) -> str:
    address = f"{held.local_part}@{case.domain}"
    connection.execute(
        "INSERT INTO mailbox (address, domain, type, service, description, rank, dematerialization, unlisted, state,"
        " source) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'api')",
        (
            *(address, case.domain, held.type, held.service, held.description, held.rank),
            *(held.dematerialization, held.unlisted, held.state),
        ),
    )
    for person, structure in _attachments(held):
        connection.execute(
            "INSERT INTO mailbox_attachment (address, practitioner, organization) VALUES (%s, %s, %s)",
            (address, persons.get(person or ""), keys.get(structure or "")),
        )
    return address


def _attachments(held: Held) -> Iterator[tuple[str | None, str | None]]:
    for person in held.persons or (None,):
        for structure in held.structures or (None,):
            yield person, structure

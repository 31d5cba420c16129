"""Persons, drawn one after the other, and their rows in the two PS_LibreAcces files."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from app.sandbox import numbers
from app.sandbox.chance import happens, pick, spread
from app.sandbox.names import Names
from app.sandbox.practices import RANKS, Activity, Workplaces
from app.sandbox.professions import NO_CODE, PROFESSION_TABLE, Profession
from app.sandbox.skills import NO_SKILL, draw_skills

# Rows per person with a place of work: 1.195 over all, since those without have one; the tail reaches 12.
_ROWS = spread(
    [(1, 0.836), (2, 0.118), (3, 0.035), (4, 0.0078), (5, 0.002), (6, 0.0008), (7, 0.0004), (9, 0.0002), (12, 0.0001)],
    slots=10_000,
)
_DOCTOR, _PROFESSOR = "DR|Docteur", "PR|Professeur"
_SIR, _MADAM = "M|Monsieur", "MME|Madame"
_MAX_LEGACY = 100
_LEGACY_EVERY = 150
_BAD_CHECK_EVERY, _BAD_CHECK_AT = 100_000, 777


@dataclass(frozen=True, slots=True)
class Person:
    """One person. `identity`: columns 1-3; `title`, `civility`: code and label; `profession`: columns 10-13."""

    index: int
    identity: str
    title: str
    civility: str
    family: str
    given: str
    code: str
    profession: str
    skills: tuple[str, ...]
    activities: tuple[Activity, ...]
    authority: str

    @property
    def number(self) -> str:
        return self.identity.split("|")[1]

    def activity_rows(self) -> Iterator[str]:
        """Lines of Personne_activite: one for each activity and savoir-faire."""
        head = f"{self.identity}|{self.title}|{self.civility}|{self.family}|{self.given}|{self.profession}|"
        for activity in self.activities:
            place = activity.structure
            tail = (
                f"|{activity.mode}|{place.activity_columns}|{activity.phone}|||{activity.email}|||{activity.former_id}|"
                f"{self.authority}|{place.sector}|{activity.section}|{activity.role}|{activity.kind}"
            )
            for skill in self.skills or (NO_SKILL,):
                yield head + skill + tail

    def skill_rows(self) -> Iterator[str]:
        """Lines of SavoirFaire."""
        for skill in self.skills:
            yield f"{self.identity}|{self.family}|{self.given}|{self.profession}|{skill}"


def identity_of(index: int) -> str:
    """Columns 1-3 of the person of this index: an RPPS, very rarely one whose check digit is wrong."""
    number = numbers.rpps(index)
    if index % _BAD_CHECK_EVERY == _BAD_CHECK_AT:
        number = number[:-1] + str((int(number[-1]) + 1) % 10)
    return f"8|{number}|8{number}"


def legacy_identity(rank: int) -> str:
    """Columns 1-3 of a person known by ADELI only: they left the real file in June 2024, importers still meet them."""
    number = numbers.adeli(rank)
    return f"0|{number}|0{number}"


def _is_legacy(index: int) -> bool:
    return index % _LEGACY_EVERY == _LEGACY_EVERY - 1 and index // _LEGACY_EVERY < _MAX_LEGACY - 1


class PersonMaker:
    """Draws persons of given indexes from one stream: the same stream and indexes give the same persons."""

    def __init__(self, rng: Random, names: Names, workplaces: Workplaces) -> None:
        self._rng = rng
        self._names = names
        self._workplaces = workplaces

    def person(self, index: int) -> Person:
        rng = self._rng
        profession: Profession = pick(rng, PROFESSION_TABLE)
        category = profession.draw_category(rng)
        idle = profession.is_idle(rng, category)
        is_female = happens(rng, profession.female)
        identity = legacy_identity(1 + index // _LEGACY_EVERY) if _is_legacy(index) else identity_of(index)
        rows = 1 if idle else pick(rng, _ROWS)
        skills = (
            draw_skills(rng, profession.code, several=happens(rng, 0.8 if rows > 1 else 0.01))
            if category != "E"
            else ()
        )
        count = max(1, rows // len(skills)) if skills else rows
        holder, family = identity.split("|")[1], pick(rng, self._names.families)
        return Person(
            index=index,
            identity=identity,
            title=self._title(profession, category),
            civility=_MADAM if is_female else _SIR,
            family=family,
            given=pick(rng, self._names.given_female if is_female else self._names.given_male),
            code=profession.code,
            profession=profession.columns.get(category) or profession.columns["C"],
            skills=skills,
            activities=tuple(
                self._workplaces.draw_activity(rng, profession, holder, family, index * RANKS + rank, idle=idle)
                for rank in range(count)
            ),
            authority="" if idle else profession.authority,
        )

    def _title(self, profession: Profession, category: str) -> str:
        if category == "E" or not happens(self._rng, profession.titled):
            return NO_CODE
        return _PROFESSOR if happens(self._rng, 0.015) else _DOCTOR

"""The skills' file: the only source of skills once loaded."""

from typing import Any

import psycopg
import pytest

from tests.imports.sources.loader import load, load_file, published
from tests.imports.sources.rows import ANNE, BRUNO, SKILLS_SAMPLE, a_practice, a_skill, an_activity

Connection = psycopg.Connection[Any]
SKILLS = "savoir_faire"


def skills(connection: Connection) -> list[tuple[Any, ...]]:
    query = "SELECT practitioner, skill_type, skill FROM skill WHERE source = 'savoir_faire' ORDER BY 1, 2, 3"
    return connection.execute(query).fetchall()


def test_the_sample_gives_three_skills_and_rows_for_people_the_register_does_not_know(registry: Connection) -> None:
    loaded = load_file(registry, SKILLS, SKILLS_SAMPLE)
    assert loaded.rejects == []
    assert loaded.plan == {"create": 3}
    assert skills(registry) == [
        ("899900000029", "CAPA", "CAPA06"),
        ("899900000029", "S", "SM53"),
        ("899900000052", "S", "SCD01"),
    ]
    assert registry.execute("SELECT DISTINCT register_state FROM practitioner").fetchall() == [("unknown",)]
    assert published(registry) == {}
    assert load_file(registry, SKILLS, SKILLS_SAMPLE).plan == {"same": 3}


def test_the_next_days_file_touches_only_what_differs(registry: Connection) -> None:
    load(registry, "personne_activite", [an_activity(), a_practice(BRUNO)])
    load(registry, SKILLS, [a_skill(), a_skill(BRUNO), a_skill(BRUNO, skill="SM04")])
    next_day = load(registry, SKILLS, [a_skill(BRUNO), a_skill(), a_skill(BRUNO, skill_type="CAPA", skill="CAPA06")])
    assert next_day.plan == {"create": 1, "close": 1, "same": 2}
    assert next_day.marks == {("practitioner", BRUNO)}
    assert skills(registry) == [(ANNE, "S", "SM54"), (BRUNO, "CAPA", "CAPA06"), (BRUNO, "S", "SM54")]


def test_the_first_load_changes_all_whose_shown_skills_change_and_nobody_else(registry: Connection) -> None:
    same = an_activity(skill_type="S", skill="SM54")
    loses = a_practice(BRUNO, skill_type="S", skill="SM04")
    load(registry, "personne_activite", [same, loses])
    before = published(registry)
    first = load(registry, SKILLS, [a_skill()])
    assert first.marks == {("source", SKILLS)}
    after = published(registry)
    assert {key for key in after if after[key] != before[key]} == {("practitioner", BRUNO)}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"national_id": "12"}, ("national_id", "national_id.form")),
        ({"profession": ""}, ("profession", "profession.missing")),
        ({"skill_type": ""}, ("skill_type", "skill_type.missing")),
        ({"skill": " "}, ("skill", "skill.missing")),
    ],
)
def test_a_row_that_says_nothing_is_rejected(
    registry: Connection, fields: dict[str, str], expected: tuple[str, str]
) -> None:
    assert load(registry, SKILLS, [a_skill() | fields]).rejects == [(2, *expected)]
    assert skills(registry) == []


def test_repeated_lines_are_one_skill(registry: Connection) -> None:
    assert load(registry, SKILLS, [a_skill(), a_skill()]).plan == {"create": 1}

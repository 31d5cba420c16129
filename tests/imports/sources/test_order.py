"""Whatever the order of the files and the days before: the same files give the same registry and the same directory."""

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.sandbox.generate import generate
from tests.imports.sources import loader
from tests.imports.sources.loader import Row, clear, load, load_file, published
from tests.imports.sources.rows import (
    ACTIVITY_SAMPLE,
    ANNE,
    BRUNO,
    FINESS_SAMPLE,
    HOSPITAL,
    MAILBOX_SAMPLE,
    SKILLS_SAMPLE,
)

Connection = psycopg.Connection[Any]
Directory = dict[tuple[str, str], bytes]
SAMPLE_FILES = {
    "personne_activite": ACTIVITY_SAMPLE,
    "savoir_faire": SKILLS_SAMPLE,
    "mssante": MAILBOX_SAMPLE,
    "finess": FINESS_SAMPLE,
}
NAMES = tuple(SAMPLE_FILES)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    """The files of two days of a synthetic directory of 120 professionals."""

    def day(folder: Path, *, next_day: bool) -> dict[str, bytes]:
        made = generate(120, 7, folder, next_day=next_day)
        files = zip(NAMES, (made.activity, made.skills, made.mailboxes, made.finess), strict=True)
        return {name: file.path.read_bytes() for name, file in files}

    folder = tmp_path_factory.mktemp("days")
    return [day(folder / "first", next_day=False), day(folder / "second", next_day=True)]


def test_any_order_of_the_files_gives_the_same_directory(registry: Connection) -> None:
    outcomes: list[tuple[Directory, dict[str, Counter[tuple[Any, ...]]]]] = []
    for order in itertools.permutations(NAMES):
        clear(registry)
        for name in order:
            load_file(registry, name, SAMPLE_FILES[name])
            if order[0] == "mssante":  # published in between, or all at once: the same end
                published(registry)
        outcomes.append((published(registry), loader.registry(registry)))
    assert outcomes[0][0]
    assert all(outcome == outcomes[0] for outcome in outcomes)


def test_two_days_of_a_directory_end_alike_in_two_orders(registry: Connection, days: list[dict[str, bytes]]) -> None:
    outcomes = []
    for order in (NAMES, tuple(reversed(NAMES))):
        clear(registry)
        for day in days:
            for name in order:
                load_file(registry, name, day[name])
                published(registry)
        outcomes.append((published(registry), loader.registry(registry)))
    assert outcomes[0] == outcomes[1]


def test_the_following_day_marks_only_what_differs_and_publishes_all_of_it(
    registry: Connection, days: list[dict[str, bytes]]
) -> None:
    for name in NAMES:
        load_file(registry, name, days[0][name])
    first = published(registry)
    marks = 0
    for name in NAMES:
        assert load_file(registry, name, days[0][name]).changes == {}
        loaded = load_file(registry, name, days[1][name])
        assert loaded.mode == "delta"
        marks += len(loaded.marks)
    second = published(registry)
    changed = {key for key in {*first, *second} if first.get(key) != second.get(key)}
    assert changed
    assert marks <= 2 * len(changed)
    assert recomputed(registry) == second


def recomputed(connection: Connection) -> Directory:
    """Every document computed anew from the whole registry: what a forgotten mark would have left behind shows."""
    connection.execute(
        "INSERT INTO pending (kind, key) SELECT 'practitioner', national_id FROM practitioner"
        " UNION ALL SELECT 'organization', key FROM organization UNION ALL SELECT 'mailbox', address FROM mailbox"
    )
    return published(connection)


def test_the_second_day_alone_gives_what_both_days_give(registry: Connection, days: list[dict[str, bytes]]) -> None:
    for day in days:
        for name in NAMES:
            load_file(registry, name, day[name])
    both = without_traces(loader.registry(registry))
    clear(registry)
    for name in NAMES:
        load_file(registry, name, days[1][name])
    assert both == without_traces(loader.registry(registry))


def without_traces(content: dict[str, Counter[tuple[Any, ...]]]) -> dict[str, Counter[tuple[Any, ...]]]:
    """A registry without what remembers earlier days on purpose: people who left, mailboxes withdrawn."""
    withdrawn = {row[0] for row in content["mailbox"] if row[5] == "withdrawn"}
    return content | {
        "practitioner": Counter(row for row in content["practitioner"].elements() if row[3] == "active"),
        "mailbox": Counter(row for row in content["mailbox"].elements() if row[0] not in withdrawn),
        "mailbox_attachment": Counter(
            row for row in content["mailbox_attachment"].elements() if row[0] not in withdrawn
        ),
    }


def some(**choices: st.SearchStrategy[str]) -> st.SearchStrategy[Row]:
    return st.fixed_dictionaries(choices)


def of(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(values)


PEOPLE = of(ANNE, BRUNO, "3990000010/AGENT01", "899900000061")
ROWS = {
    "personne_activite": some(
        national_id=PEOPLE,
        family=of("EXEMPLE", "AUTRE"),
        given=of("", "Anne"),
        title=of("", "DR"),
        profession=of("10", "60"),
        category=of("C", "E", ""),
        skill_type=of("", "S"),
        skill=of("", "SM54", "SM04"),
        mode=of("", "S", "L"),
        finess=of("", HOSPITAL),
        technical_id=of("", f"F{HOSPITAL}", "R99990000000001"),
        siret=of("", "00000001800010"),
        former_id=of("", "499900000060001"),
        name=of("", "CH", "CABINET"),
        line6=of("", "25000 BESANCON"),
        sector=of("", "SA01"),
        kind=of("", "GENR01"),
        phone=of("", "0199000001"),
    ),
    "savoir_faire": some(
        national_id=PEOPLE, profession=of("10"), category=of("C"), skill_type=of("S"), skill=of("SM54", "SM04", "")
    ),
    "mssante": some(
        type=of("PER", "ORG"),
        address=of("a@exemple.mssante.fr", "B@exemple.mssante.fr", "c@exemple.mssante.fr"),
        national_id=st.one_of(PEOPLE, of("", "bad")),
        structure_type=of("1"),
        structure=of("", HOSPITAL, "1990000028"),
        service=of("", "CARDIOLOGIE"),
        dematerialization=of("", "O", "N"),
        family=of("", "EXEMPLE"),
    ),
    "finess": some(
        finess=of(HOSPITAL, "990000028"),
        finess_legal=of("", "990000028"),
        name=of("CH", "CLINIQUE"),
        line6=of("", "97306 CAYENNE CEDEX"),
        department=of("9C"),
        commune=of("302"),
    ),
}
DAY = st.fixed_dictionaries({name: st.lists(row, max_size=5) for name, row in ROWS.items()})


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DAY, DAY, st.permutations(NAMES), st.permutations(NAMES))
def test_any_history_ends_where_its_last_day_begins(
    registry: Connection,
    first: dict[str, list[Row]],
    second: dict[str, list[Row]],
    order: list[str],
    another: list[str],
) -> None:
    clear(registry)
    for day in (first, second):
        for name in order:
            load(registry, name, day[name])
            published(registry)
    both, shown = without_traces(loader.registry(registry)), published(registry)
    assert recomputed(registry) == shown
    for name in another:
        assert load(registry, name, list(reversed(second[name]))).changes == {}
    assert published(registry) == shown
    closed = registry.execute("SELECT national_id FROM practitioner WHERE register_state = 'closed'").fetchall()

    clear(registry)
    for name in another:
        load(registry, name, second[name])
    assert both == without_traces(loader.registry(registry))
    if not closed:  # a person struck off hides the mailboxes, a person never heard of does not
        assert published(registry) == shown

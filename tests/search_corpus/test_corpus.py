"""The corpus is what its generator makes, and its mistakes are those they are called."""

from collections import Counter
from itertools import pairwise

import pytest

from app.sandbox.chance import stream
from tests.search_corpus.by_ear import by_ear
from tests.search_corpus.complaints import complaints
from tests.search_corpus.corpus import COUNTS, ERRORS, Case, cases, held_out, read, written
from tests.search_corpus.mistakes import MISTAKES
from tests.search_corpus.people import Person, bare, people, words
from tests.search_corpus.related import distance, is_loose, is_unrelated


def test_the_file_is_made_again_byte_for_byte() -> None:
    assert ERRORS.read_text("utf-8") == written(cases())
    assert read() == cases()


def test_every_class_has_its_cases_and_everybody_meant_stands_in_the_directory() -> None:
    assert Counter(case.kind for case in read()) == COUNTS
    assert sum(COUNTS.values()) == 5_000
    assert {case.person for case in read()} <= set(people())


def test_those_held_out_are_others() -> None:
    others = held_out(people(), 20)
    assert len(others) == 20 * len(COUNTS)
    assert len(set(others) & set(read())) < len(others) / 4


def test_the_directory_has_homonyms_accents_particles_and_double_names() -> None:
    everybody = people()
    assert len(everybody) - len({bare(f"{person.family} {person.given}") for person in everybody}) > 20
    for share, trait in (
        (0.1, lambda person: bare(person.family) != person.family.lower()),
        (0.1, lambda person: " " in person.family or "'" in person.family),
        (0.1, lambda person: "-" in person.family),
        (0.2, lambda person: bare(person.given) != person.given.lower()),
    ):
        assert sum(map(trait, everybody)) > share * len(everybody)


def _letters(text: str) -> list[str]:
    return sorted("".join(words(text)))


@pytest.mark.parametrize("kind", ["swap", "edit"])
def test_a_slip_is_one_letter_or_two_neighbours(kind: str) -> None:
    for case in _cases(kind):
        wrong = Counter(words(case.query))
        right = Counter(words(f"{case.person.family} {case.person.given}"))
        ((typed, meant),) = zip((wrong - right).elements(), (right - wrong).elements(), strict=True)
        assert distance(typed, meant) == 1
        assert (sorted(typed) == sorted(meant)) == (kind == "swap")


def test_accents_and_order_leave_the_letters_as_they_are() -> None:
    for kind in ("accent", "inversion"):
        for case in _cases(kind):
            assert _letters(case.query) == _letters(f"{case.person.family} {case.person.given}")


def _cases(kind: str) -> list[Case]:
    return [case for case in read() if case.kind == kind]


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        ("Lefèvre", "lefaivre"),
        ("LEFEBVRE", "lefevre"),
        ("Renaud", "reno"),
        ("Renault", "renot"),
        ("Philippe", "filippe"),
        ("Durand", "durant"),
        ("Leclercq", "leclerc"),
        ("Gauthier", "gautier"),
        ("Boucher", "bouché"),
        ("Germain", "germin"),
        ("Georges", "jorges"),
        ("Hubert", "ubert"),
        ("Quesnel", "kesnel"),
        ("Deschamps", "deschant"),
    ],
)
def test_names_are_written_by_ear(name: str, heard: str) -> None:
    tries = {by_ear(stream(seed, "test"), name) for seed in range(300)}
    assert heard in tries
    assert bare(name) not in {bare(each) for each in tries if each}


def test_what_lends_itself_to_no_mistake_gives_none() -> None:
    short = Person("LY", "Al")
    assert MISTAKES["edit"](stream(1, "test"), short) is None
    assert MISTAKES["swap"](stream(1, "test"), short) is None
    assert MISTAKES["phonetic"](stream(1, "test"), short) is None
    assert MISTAKES["hyphen"](stream(1, "test"), short) is None
    assert all(MISTAKES["swap"](stream(seed, "test"), Person("AAAA", "Al")) is None for seed in range(9))


def test_distance_counts_a_swap_of_neighbours_as_one() -> None:
    for left, right, wanted in (
        ("martin", "martin", 0),
        ("martin", "matrin", 1),
        ("martin", "marin", 1),
        ("ab", "cd", 2),
    ):
        assert distance(left, right) == distance(right, left) == wanted
    chain = ["martin", "marten", "marte", "arte", ""]
    assert [distance(*each) for each in pairwise(chain)] == [1, 1, 1, 4]


def test_every_complaint_names_who_is_in_the_directory() -> None:
    assert len({complaint.name for complaint in complaints()}) == len(complaints())
    for complaint in complaints():
        there = [*complaint.people, *((name,) for name, _ in complaint.structures)]
        named = [*complaint.finds, *complaint.first, *complaint.without, *(complaint.only or [])]
        assert set(named) <= set(there), complaint.name
        assert named or complaint.code or complaint.one, complaint.name


@pytest.mark.parametrize(
    ("query", "person", "unrelated", "loose"),
    [
        ("jacques martin", Person("MARTIN", "Jacques"), False, False),
        ("Dr Jacques MARTIN", Person("MARTIN", "Jacques"), False, False),
        ("jacques martin", Person("MARTIN", "Sylvie"), False, True),
        ("jacques martin", Person("DUPONT", "Sylvie"), True, True),
        ("delatour anne", Person("DE LA TOUR", "Anne"), False, False),
        ("le febvre anne", Person("LEFEBVRE", "Anne"), False, False),
        ("kesnelle", Person("QUESNEL", "Luc"), False, False),
        ("mar", Person("MARTIN", "Luc"), False, False),
        ("st martin", Person("SAINT-MARTIN", "Luc"), False, False),
        ("roy", Person("LEBLANC", "Luc"), True, True),
    ],
)
def test_who_is_unrelated_is_judged_as_people_would(query: str, person: Person, unrelated: bool, loose: bool) -> None:  # noqa: FBT001
    assert (is_unrelated(query, person), is_loose(query, person)) == (unrelated, loose)


def test_no_case_of_the_corpus_would_be_called_unrelated_to_who_is_meant() -> None:
    assert [case for case in read() if is_unrelated(case.query, case.person)] == []
    loose = Counter(case.kind for case in read() if is_loose(case.query, case.person))
    assert sum(loose.values()) < 50, loose

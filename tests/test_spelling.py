"""One edit, and how pairs one edit apart are found: against a plain reckoning of every edit there is."""

from string import ascii_lowercase
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.practitioners.readings import PARTICLES
from app.spelling import LONGEST, SHORTEST, deletions, is_one_edit
from tests.harness.database import Database

WORDS = st.text("abc", max_size=7)


def edits(word: str) -> set[str]:
    """Every text one edit away."""
    parted = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    left_out = {head + tail[1:] for head, tail in parted if tail}
    swapped = {head + tail[1] + tail[0] + tail[2:] for head, tail in parted if len(tail) > 1}
    replaced = {head + letter + tail[1:] for head, tail in parted if tail for letter in ascii_lowercase}
    inserted = {head + letter + tail for head, tail in parted for letter in ascii_lowercase}
    return (left_out | swapped | replaced | inserted) - {word}


@given(WORDS, WORDS)
def test_one_edit_is_what_its_name_says(left: str, right: str) -> None:
    assert is_one_edit(left, right) == (right in edits(left)) == is_one_edit(right, left)


@given(st.text("abcdef", min_size=SHORTEST + 1, max_size=12), st.data())
def test_two_words_one_edit_apart_have_a_form_in_common(word: str, data: Any) -> None:
    other = data.draw(st.sampled_from(sorted(edits(word))))
    shared = {other} | {other[:at] + other[at + 1 :] for at in range(len(other))}
    assert shared & set(deletions(word))


def test_the_database_makes_the_same_forms_and_knows_the_same_particles(database: Database) -> None:
    connection = database.connect()
    for word in ("martin", "anna", "bbbbb", "a" * LONGEST, "a" * (LONGEST + 1)):
        made = {form for (form,) in connection.execute("SELECT name_deletions(%s)", [word])}
        assert made == set(deletions(word))
    (particles,) = connection.execute("SELECT name_particles()").fetchone() or ([],)
    assert set(particles) == PARTICLES


# Pairs that French ears do not tell apart, and pairs that they do (performance.md, section 7).
ALIKE = (
    *("lefebvre/lefevre", "renaud/renault", "arnaud/arnault", "thibaut/thibault"),
    *("francois/franssois", "rousseau/rouceau", "maillard/mayart", "geoffroy/joffroy", "christine/cristine"),
    *("prevost/prevot", "leclerc/leclercq", "boucher/bouchet", "castaing/castain"),
)
APART = ("martin/martine", "durand/dupont", "petit/grand")


def test_the_sound_of_names(database: Database) -> None:
    connection = database.connect()

    def sound(word: str) -> Any:
        return connection.execute("SELECT name_sound(%s)", [word]).fetchone()

    for pairs, alike in ((ALIKE, True), (APART, False)):
        for pair in pairs:
            left, right = pair.split("/")
            assert (sound(left) == sound(right)) is alike, pair

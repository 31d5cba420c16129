"""Which domains look like a listed one: the ways in which people and forgers go wrong, and what is left alone."""

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.search.check_alike import MOST_ALIKE, LookAlikes, is_one_edit

HOSPITAL, CLINIC, NUMBERED = "ch-exemple.mssante.fr", "clinique.exemple.mssante.fr", "ehpad10.mssante.fr"
LISTED = LookAlikes([HOSPITAL, CLINIC, NUMBERED, "interop-mssante.apicrypt.org"])

ALIKE = [
    # Letters that look the same, also encoded.
    ("ch-exemp1e.mssante.fr", "confusable", HOSPITAL),
    ("ch-exempIe.mssante.fr", "confusable", HOSPITAL),
    ("ch-exernple.mssante.fr", "confusable", HOSPITAL),
    ("ch-éxemple.mssante.fr", "confusable", HOSPITAL),
    ("ch-ex\u0435mple.mssante.fr", "confusable", HOSPITAL),
    ("xn--ch-exmple-f4a.mssante.fr", "confusable", HOSPITAL),
    ("xn--ch-exmple-k0h.mssante.fr", "confusable", HOSPITAL),
    ("\uff43\uff48-exemple.mssante.fr", "confusable", HOSPITAL),
    ("ch\u2011exemple.mssante.fr", "confusable", HOSPITAL),
    ("ch-exem\u200bple.mssante.fr", "confusable", HOSPITAL),
    ("ch-exemple\u3002mssante\u3002fr", "confusable", HOSPITAL),
    ("ehpadl0.mssante.fr", "confusable", NUMBERED),
    # Hyphens and dots.
    ("ch.exemple.mssante.fr", "separator", HOSPITAL),
    ("chexemple.mssante.fr", "separator", HOSPITAL),
    ("ch_exemple.mssante.fr", "separator", HOSPITAL),
    ("ch-exemple.mssante.fr.", "separator", HOSPITAL),
    ("ch-exemple..mssante.fr", "separator", HOSPITAL),
    ("clinique-exemple.mssante.fr", "separator", CLINIC),
    # Labels before, labels behind.
    ("urgences.ch-exemple.mssante.fr", "labels", HOSPITAL),
    ("ch-exemple.mssante.fr.example.org", "labels", HOSPITAL),
    # One edit.
    ("ch-exmple.mssante.fr", "edit", HOSPITAL),
    ("ch-exemmple.mssante.fr", "edit", HOSPITAL),
    ("ch-exemble.mssante.fr", "edit", HOSPITAL),
    ("ch-exepmle.mssante.fr", "edit", HOSPITAL),
    ("hc-exemple.mssante.fr", "edit", HOSPITAL),
    ("ch-exemple.msante.fr", "edit", HOSPITAL),
    ("ch-exemple.mssante.fry", "edit", HOSPITAL),
    ("interop-mssante.apicript.org", "edit", "interop-mssante.apicrypt.org"),
    # Another ending, or none.
    ("ch-exemple.mssante.com", "ending", HOSPITAL),
    ("ch-exemple.mssante", "ending", HOSPITAL),
]


@pytest.mark.parametrize(("domain", "cause", "meant"), ALIKE)
def test_a_look_alike_is_told_with_its_cause_and_what_is_meant(domain: str, cause: str, meant: str) -> None:
    assert LISTED.of(domain) == (cause, (meant,))


@pytest.mark.parametrize(
    "domain",
    [
        "",
        ".",
        "mssante.fr",
        "gmail.com",
        "ch-exemple.fr",
        "ch-autre.mssante.fr",
        "ch-xmple.mssante.fr",  # two letters are missing
        "ch-xemplee.mssante.fr",  # one stands elsewhere, far from its place
        "xn--.mssante.fr",
        "a" * 300,
        "a." * 150 + HOSPITAL,
    ],
)
def test_what_is_further_away_is_no_look_alike(domain: str) -> None:
    assert LISTED.of(domain) is None


def test_where_several_are_meant_all_are_told_and_at_most_five() -> None:
    two = LookAlikes(["ch-1a.mssante.fr", "ch-1b.mssante.fr"])
    assert two.of("ch-1c.mssante.fr") == ("edit", ("ch-1a.mssante.fr", "ch-1b.mssante.fr"))
    many = LookAlikes(f"ch-{letter}.mssante.fr" for letter in string.ascii_lowercase if letter not in "zi")
    found = many.of("ch-z.mssante.fr")
    assert found is not None
    assert len(found.domains) == MOST_ALIKE


@given(st.text(max_size=300))
def test_any_text_is_taken(text: str) -> None:
    found = LISTED.of(text)
    assert found is None or 1 <= len(found.domains) <= MOST_ALIKE


@given(st.text(alphabet="ab-", max_size=7), st.text(alphabet="ab-", max_size=7))
def test_one_edit_is_one_edit(one: str, other: str) -> None:
    assert is_one_edit(one, other) == (other in _edits(one))


def test_every_single_edit_of_every_listed_domain_is_found() -> None:
    """Found by whichever way comes first, among what it is told to be like."""
    chance = random.Random(6)  # noqa: S311 - a test
    names = [f"{a}-{b}{c}.mssante.fr" for a in ("ch", "chu", "ssr") for b in ("foix", "pau", "sens") for c in range(9)]
    listed = LookAlikes(names)
    for name in chance.sample(names, 12):
        for edited in chance.sample(sorted(_edits(name, "abz-9") - set(names)), 60):
            found = listed.of(edited)
            assert found is not None, edited
            assert found.cause != "edit" or name in found.domains or len(found.domains) == MOST_ALIKE


def _edits(text: str, alphabet: str = "ab-") -> set[str]:
    """Every text that is one edit away, made by the definition."""
    cuts = range(len(text) + 1)
    made = {text[:at] + letter + text[at:] for at in cuts for letter in alphabet}
    made |= {text[:at] + text[at + 1 :] for at in cuts[:-1]}
    made |= {text[:at] + letter + text[at + 1 :] for at in cuts[:-1] for letter in alphabet}
    made |= {text[:at] + text[at + 1] + text[at] + text[at + 2 :] for at in cuts[:-2]}
    return made - {text}

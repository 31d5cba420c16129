"""The choice among mailboxes: pure, whatever their order."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.mailboxes.models import MailboxType
from app.mailboxes.use import Use
from app.search.resolve_choice import Question, choose
from tests.ldap.documents import a_mailbox, a_person, a_structure

PEOPLE = [None, a_person(), a_person(national_id="899900000061", rpps="99900000061")]
PLACES = [None, a_structure(), a_structure(id="1990000011", finess="990000011", name="CLINIQUE")]
SERVICES = [None, "Cardiologie", "Cardiologie pédiatrique", "Secrétariat", "Maternité"]
WORDS = [frozenset[str](), frozenset({"cardiologie"}), frozenset({"cardiologie", "pediatrique"}), frozenset({"orl"})]

mailbox = st.fixed_dictionaries(
    {
        "type": st.sampled_from([kind.value for kind in MailboxType]),
        "practitioner": st.sampled_from(PEOPLE),
        "organization": st.sampled_from(PLACES),
        "service": st.sampled_from(SERVICES),
        "description": st.sampled_from([None, "Accueil", "Urgences"]),
        "rank": st.sampled_from([None, 1, 2]),
        "dematerialization": st.sampled_from([None, True, False]),
    }
)
mailboxes = st.lists(mailbox, max_size=8).map(
    lambda made: [a_mailbox(address=f"m{number}@x.mssante.fr", **each) for number, each in enumerate(made)]
)
USES: list[Use] = ["care", "desk", "machine"]
questions = st.builds(
    Question,
    use=st.sampled_from(USES),
    service=st.sampled_from(WORDS),
    organization=st.sampled_from([frozenset[str](), frozenset({"1990000010"})]),
    person=st.sampled_from([None, "899900000060"]),
    structures=st.sampled_from([frozenset({"1990000010"}), frozenset({"1990000010", "1990000011"})]),
)


@given(mailboxes.flatmap(lambda made: st.tuples(st.just(made), st.permutations(made))), questions)
def test_any_order_of_the_mailboxes_gives_the_same_answer(
    both: tuple[list[dict[str, Any]], list[dict[str, Any]]], question: Question
) -> None:
    assert choose(both[0], question) == choose(both[1], question)


@given(mailbox, st.permutations("abc"), questions)
def test_between_twins_the_address_decides(made: dict[str, Any], order: list[str], question: Question) -> None:
    twins = [a_mailbox(address=f"{name}@x.mssante.fr", **made) for name in order]
    shown = [option.address[0] for option in choose(twins, question).options]
    assert shown in (["a", "b", "c"], [])


@given(mailboxes, questions)
def test_there_is_a_choice_or_a_reason_and_every_mailbox_is_shown_once(
    made: list[dict[str, Any]], question: Question
) -> None:
    choice = choose(made, question)
    assert (choice.chosen is None) == (choice.reason is not None)
    shown = [option.address for option in choice.options]
    assert len(shown) == len(set(shown))
    assert set(shown) <= {each["address"] for each in made}
    for option in choice.options:
        assert option.standing.use == question.use
        assert (option.mailbox["type"] == "APP") == (question.use == "machine")


@given(mailboxes, questions, mailbox)
def test_a_mailbox_that_is_not_chosen_changes_nothing_by_going_away(
    made: list[dict[str, Any]], question: Question, other: dict[str, Any]
) -> None:
    """What came last in order does not decide, unless it raised the question itself."""
    with_it = choose([*made, a_mailbox(address="zz@x.mssante.fr", **other)], question)
    if with_it.chosen is not None and with_it.chosen.address != "zz@x.mssante.fr":
        without = choose(made, question)
        assert without.chosen == with_it.chosen

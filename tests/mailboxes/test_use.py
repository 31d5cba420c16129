"""The rules of use.toml: what they say of one mailbox, and files that are refused."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.mailboxes.models import MailboxType
from app.mailboxes.use import DATA, PLACE, RULES, Rules, asked_words, services_of, standings
from tests.ldap.documents import a_mailbox, a_structure

SERVICE = {"type": "ORG", "practitioner": None, "organization": a_structure()}
documents = st.builds(
    a_mailbox,
    type=st.sampled_from([kind.value for kind in MailboxType]),
    rank=st.none() | st.integers(1, 2**31),
    dematerialization=st.none() | st.booleans(),
    service=st.none() | st.text(max_size=90),
    description=st.none() | st.text(max_size=75),
    organization=st.none() | st.just(a_structure()),
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, set()),
        ("", set()),
        ("Cardiologie", {"cardiologie"}),
        ("SERVICE DE CARDIOLOGIE", {"cardiologie"}),
        ("Secrétariat médical", set()),
        ("Secrétariat de l'unité de soins palliatifs", {"soin", "palliatif"}),
        ("Néonatalogie", {"neonatalogie"}),
        ("Ne\u0301onatalogie", {"neonatalogie"}),
        ("Fœtopathologie", {"foetopathologie"}),
        ("O.R.L.", {"o", "r"}),
        ("ORL", {"orl"}),
        ("Urgences", {"urgence"}),
        ("SSR", {"ssr"}),
        ("心臓", set()),
    ],
)
def test_a_service_is_compared_by_its_words(text: str | None, words: set[str]) -> None:
    assert asked_words(text) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"service": "Cardiologie", "description": "Maternité"}, {"cardiologie"}),
        ({"description": "Maternité"}, {"maternite"}),
        ({"description": "Centre Hospitalier d'Exemple"}, set()),
        ({"service": "Exemple"}, set()),
        ({"service": "Cardiologie du centre hospitalier d'Exemple"}, {"cardiologie"}),
        ({"type": "CAB", "description": "Maternité"}, set()),
        ({"type": "PER", "service": "Maternité"}, {"maternite"}),
    ],
)
def test_a_mailbox_names_a_service_where_more_than_its_structure_is_said(changes: Any, words: set[str]) -> None:
    assert services_of(a_mailbox(**{**SERVICE, **changes})) == words


def test_a_type_that_no_rule_knows_takes_nothing() -> None:
    assert list(standings(a_mailbox(type="NEW"))) == []


@given(documents)
def test_every_mailbox_has_at_most_one_standing_for_a_question(document: dict[str, Any]) -> None:
    found = list(standings(document))
    assert found
    for asked, theirs in ((False, False), (True, False), (True, True)):
        uses = [each.use for each in found if each.applies(is_asked=asked, is_its_service=theirs)]
        assert len(uses) == len(set(uses))
    assert all(each.rule.place == each.place == each.score // PLACE for each in found)
    assert all(len(str(each.score)) == 7 for each in found)


def test_people_never_write_to_programs_nor_programs_to_people() -> None:
    for rule in RULES.rule:
        assert ("APP" in rule.types) == ("machine" in rule.uses)
        assert len({use == "machine" for use in rule.uses}) == 1


def _twice(data: dict[str, Any]) -> None:
    data["rule"].append(data["rule"][0])


def _same_case(data: dict[str, Any]) -> None:
    data["rule"].append({**data["rule"][0], "id": "another", "place": 9})


def _same_place(data: dict[str, Any]) -> None:
    data["rule"][1]["then"] = data["rule"][0]["then"]


def _same_code(data: dict[str, Any]) -> None:
    data["document"][0]["loinc"] = data["document"][1]["loinc"]


def _unknown(data: dict[str, Any]) -> None:
    data["rule"][0]["if"] = "always"


def _no_source(data: dict[str, Any]) -> None:
    data["rule"][0]["source"] = ""


@pytest.mark.parametrize("spoil", [_twice, _same_case, _same_place, _same_code, _unknown, _no_source])
def test_a_file_with_a_fault_is_refused(spoil: Any) -> None:
    data = tomllib.loads(DATA.read_text("utf-8"))
    Rules.model_validate(data)
    spoil(data)
    with pytest.raises(ValidationError):
        Rules.model_validate(data)

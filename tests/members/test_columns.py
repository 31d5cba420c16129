"""The first line of a network's file."""

import pytest

from app.console import Refused
from app.members.columns import LABELS, REPORT, header_of


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("address", ("address",)),
        ("adresse;rpps;nom;prénom", ("address", "practitioner", "family", "given")),
        ("RPPS,Adresse,Liste_Rouge", ("practitioner", "address", "liste_rouge")),
        ("adresse|structure|service de rattachement", ("address", "organization", "service")),
        ("mail\tDémat\tétat".replace("Démat", "dématérialisation"), ("address", "dematerialization", "state")),
        ('"adresse";"code postal";;;', ("address", "postal_code")),
        ("address;report_line;report_code;report_message", ("address", None, None, None)),
    ],
)
def test_columns_are_found_by_label(line: str, fields: tuple[str | None, ...]) -> None:
    assert header_of(line).fields == fields


def test_every_field_is_found_by_its_own_name_and_no_label_means_two() -> None:
    assert header_of(";".join(LABELS)).fields == tuple(LABELS)
    labels = [label for these in LABELS.values() for label in these]
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("nom;prenom", "members.column_missing"),
        ("adresse;liste_roug", "members.column_unknown"),
        ("adresse;mail", "members.column_repeated"),
        ("adresse;service;", None),
        ("adresse;matricule", "members.column_unknown"),
    ],
)
def test_a_column_that_is_not_understood_publishes_nobody(line: str, code: str | None) -> None:
    if code is None:
        header_of(line)
        return
    with pytest.raises(Refused) as refusal:
        header_of(line)
    assert refusal.value.code == code


def test_a_column_may_be_passed_over_by_name() -> None:
    header = header_of("Matricule interne;adresse", ["matricule interne"])
    assert header.fields == (None, "address")
    assert header.own == 2


def test_the_columns_of_a_report_are_not_the_networks() -> None:
    header = header_of(";".join(["adresse", "service", *REPORT]))
    assert (header.own, header.fields) == (2, ("address", "service", None, None, None))

"""A line beside its mailbox: what there is to write."""

from typing import Any

import pytest

from app.members.left_out import LeftOut
from app.members.member import member_of
from app.members.wishes import differences, put, stated_by
from tests.builders import FINESS, RPPS

ADDRESS = "anne@reseau.mssante.fr"
DOCUMENT: dict[str, Any] = {
    "type": "PER",
    "practitioner": {"national_id": "8" + RPPS, "rpps": RPPS},
    "organization": {"id": "1" + FINESS, "finess": FINESS, "siret": None},
    "service": "CARDIOLOGIE",
    "description": None,
    "rank": 1,
    "dematerialization": None,
    "liste_rouge": True,
    "responsible": None,
    "phone": None,
    "state": "suspended",
}


def changed(**cells: str) -> dict[str, Any]:
    member = member_of(2, {"address": ADDRESS, **cells})
    return differences(member, member.practitioner, stated_by(DOCUMENT))


@pytest.mark.parametrize(
    ("cells", "patch"),
    [
        ({}, {}),
        ({"type": "per", "practitioner": RPPS, "organization": FINESS}, {}),
        ({"practitioner": "8" + RPPS, "organization": "1" + FINESS}, {}),
        ({"type": "", "practitioner": "", "organization": ""}, {}),
        ({"type": "ORG"}, {"type": "ORG"}),
        ({"practitioner": "99900000003"}, {"practitioner": "99900000003"}),
        ({"organization": "990000028"}, {"organization": "990000028"}),
        ({"service": "CARDIOLOGIE", "rank": "1"}, {}),
        ({"service": "", "rank": "2"}, {"service": None, "rank": 2}),
        ({"liste_rouge": "", "state": ""}, {}),
        ({"liste_rouge": "N", "state": "active"}, {"liste_rouge": False, "state": "active"}),
        ({"dematerialization": "oui"}, {"dematerialization": True}),
        ({"phone": "01 99 00 00 00"}, {"phone": "01 99 00 00 00"}),
    ],
)
def test_what_differs_is_changed_and_nothing_else(cells: dict[str, str], patch: dict[str, Any]) -> None:
    assert changed(**cells) == patch


def test_a_new_mailbox_is_all_that_the_line_states_if_its_address_is_free() -> None:
    cells = {"address": ADDRESS.upper(), "practitioner": RPPS, "service": "", "rank": "1", "liste_rouge": "O"}
    member = member_of(2, cells)
    assert put(member, member.practitioner) == {
        "operation": "put",
        "address": ADDRESS,
        "if_none_match": "*",
        "type": "PER",
        "practitioner": RPPS,
        "rank": 1,
        "liste_rouge": True,
    }


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"address": "é@b.fr"}, "address.ascii"),
        ({"address": ""}, "address.missing"),
        ({"practitioner": "9,99E+10"}, "practitioner.form"),
        ({"rank": "-1"}, "rank.form"),
        ({"rank": "²"}, "rank.form"),
        ({"dematerialization": "x"}, "answer.form"),
        ({"state": "x"}, "state.unknown"),
        ({"type": "x"}, "type.unknown"),
    ],
)
def test_a_cell_that_is_none_leaves_its_line_out(cells: dict[str, str], code: str) -> None:
    with pytest.raises(LeftOut) as why:
        member_of(2, {"address": ADDRESS, **cells})
    assert why.value.code == code


def test_every_member_of_a_mailbox_that_can_change_is_compared() -> None:
    from app.mailboxes.rules import CHANGEABLE  # noqa: PLC0415 - the server's side of it
    from app.members.wishes import CONTENT  # noqa: PLC0415

    assert set(CONTENT) == set(CHANGEABLE)

"""Whether a name may be that of the register."""

import pytest

from app.members.matching import may_be_named


@pytest.mark.parametrize(
    ("register", "network", "agrees"),
    [
        ("EXEMPLE", "Exemple", True),
        ("D'ORNANO", "d\u2019Ornano", True),
        ("EXEMPLE-TEST", "TEST", True),
        ("TEST", "Exemple Test", True),
        ("COEURDEROY", "Cœurderoy", True),
        ("BÉNÉDICTE", "BENEDICTE", True),
        ("EXEMPLE", "EXEMPLES", False),
        ("MARTIN", "DURAND", False),
        ("MARTIN-DURAND", "MARTIN PETIT", False),
        ("MARTIN", "???", False),
    ],
)
def test_one_of_several_names_is_enough_and_another_name_is_not(register: str, network: str, agrees: bool) -> None:  # noqa: FBT001
    assert may_be_named({"family": register}, network) is agrees

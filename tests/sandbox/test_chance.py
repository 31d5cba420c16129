"""Numbers and tables under everything else."""

from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from app.identifiers import Adeli, Finess, Rpps, Siren, Siret
from app.sandbox import numbers
from app.sandbox.chance import pick, spread, stream
from app.sandbox.names import mail_word, unaccented


@given(st.from_regex(r"[0-9]{1,14}", fullmatch=True))
def test_the_check_digit_is_luhn(prefix: str) -> None:
    assert numbers.with_check_digit(prefix) == prefix + luhn.calc_check_digit(prefix)


def test_letters_of_corsica_count_as_one_and_two() -> None:
    assert [numbers.with_check_digit(prefix) for prefix in ("2A990001", "2B990001", "9A990001")] == [
        "2A9900016",
        "2B9900014",
        "9A9900019",
    ]


@given(st.integers(0, numbers.MAX_PROFESSIONALS))
def test_every_number_is_valid_and_in_its_invented_range(index: int) -> None:
    assert Rpps.parse(numbers.rpps(index), check=True).startswith("999")
    assert Adeli.parse(numbers.adeli(index % 9_999), check=True).startswith("9999")
    assert Finess.parse(numbers.legal_finess(index % 400_000), check=True).startswith("99")
    assert Siren.parse(numbers.siren(index % 300_000), check=True).startswith("00")
    assert Siret.parse(numbers.company_siret(index), check=True).startswith("00")


def test_streams_are_told_apart_by_seed_and_name() -> None:
    draws = {stream(seed, name).random() for seed in (1, 2) for name in ("names", "sites")}
    assert len(draws) == 4
    assert stream(1, "names").random() == stream(1, "names").random()


def test_a_table_keeps_every_thing_and_its_share() -> None:
    table = spread([("often", 0.99), ("rarely", 0.01), ("hardly", 1e-9)], slots=100)
    assert table.count("often") == 99
    assert {"rarely", "hardly"} <= set(table)
    assert pick(stream(1, "any"), table) in table


def test_names_become_plain_words_in_addresses() -> None:
    words = {"D\u2019ORNANO": "dornano", "LECŒUR": "lecoeur", "Anne-Élise": "anne-elise", "ŁUKASIK": "lukasik"}
    assert {name: mail_word(name) for name in words} == words
    assert unaccented("Bénédicte ŒUVRE") == "Benedicte OEUVRE"

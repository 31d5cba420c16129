"""Identifiers: the invented values of the reference, valid and invalid, then properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from app.identifiers import (
    Adeli,
    Finess,
    Identifier,
    InvalidIdentifier,
    MailboxAddress,
    NationalId,
    Rpps,
    Siren,
    Siret,
    department_of,
    has_valid_check_digit,
    organization_candidates,
    practitioner_keys,
)

VALID: dict[type[Identifier], str] = {
    Rpps: "99900000003 99900000011 99900000029 99900000037 99900000045 99900000052 99900000060 99900000078 99900000086 "
    "99900000094 99900000102 99900000110 99900000128 99900000136 99900000144 99900000151 99900000169 99900000193",
    Adeli: "999900012 999900020 999900038 999900046 999900053 019999010 759999014 629999012",
    Finess: "990000010 990000028 759900012 019900018 139900013 699900015 599900016 979900016 989900014 2A9900016 "
    "2A9900024 2B9900014 2B9900022 9A9900019 9B9900017 0B0078671",
    Siren: "000000018 000000026 000000034 000000042 999999006 999999014 999999022 356000000",
    Siret: "00000001800010 00000001800028 00000001800036 99999900600011 99999901400015 99999902200034 00000000099622",
    NationalId: "899900000060 0999900012 199990001200/12 3990000010/AGENT01 4000000018/AGENT01 "
    "500000001800010/AGENT01 699900000060001/S1 32A9900016/INF-7",
}
WRONG_CHECK: list[tuple[type[Identifier], str]] = [
    (Rpps, "99900000061"),
    (Finess, "990000011"),
    (Finess, "2B9900016"),
    (Siren, "000000019"),
    (Siret, "00000001800011"),
    (Siret, "00000001900009"),
    (Adeli, "999900013"),
    (NationalId, "899900000061"),
    (NationalId, "0999900013"),
    (NationalId, "3990000011/AGENT01"),
    (NationalId, "4000000019/AGENT01"),
    (NationalId, "500000001800011/AGENT01"),
    (NationalId, "199990001300/12"),
    (NationalId, "699900000061001/S1"),
]
WRONG_FORM: list[tuple[type[Identifier], str]] = [
    (Rpps, "9990000006"),
    (Rpps, "999000000600"),
    (Rpps, "9990000006O"),
    (Rpps, "٩٩٩٠٠٠٠٠٠٦٠"),
    (Rpps, ""),
    (Finess, "2C9900016"),
    (Finess, "99000001"),
    (Finess, "A99000010"),
    (Siret, "0000000180001"),
    (Siren, "00000001"),
    (Adeli, "99990001"),
    (NationalId, "999900000060"),
    (NationalId, "3990000010"),
    (NationalId, "3990000010/"),
    (NationalId, "899900000060/1"),
]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in VALID.items() for text in texts.split()])
def test_a_valid_identifier_is_read_as_it_is(kind: type[Identifier], text: str) -> None:
    identifier = kind.parse(f" {text.lower()} ") if "/" not in text else kind.parse(text)
    assert identifier == text
    assert has_valid_check_digit(identifier)
    assert kind.parse(text, check=True) == text


@pytest.mark.parametrize(("kind", "text"), WRONG_CHECK)
def test_a_wrong_check_digit_is_not_a_wrong_form(kind: type[Identifier], text: str) -> None:
    assert not has_valid_check_digit(kind.parse(text))
    with pytest.raises(InvalidIdentifier) as refused:
        kind.parse(text, check=True)
    assert refused.value.code == f"{kind.kind}.check"


@pytest.mark.parametrize(("kind", "text"), WRONG_FORM)
def test_a_wrong_form_is_refused(kind: type[Identifier], text: str) -> None:
    with pytest.raises(InvalidIdentifier) as refused:
        kind.parse(text)
    assert refused.value.code == f"{kind.kind}.form"
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize(("kind", "length"), [(Rpps, 11), (Adeli, 9), (Finess, 9), (Siren, 9), (Siret, 14)])
def test_the_all_zero_number_names_nobody(kind: type[Identifier], length: int) -> None:
    with pytest.raises(InvalidIdentifier) as refused:
        kind.parse("0" * length)
    assert refused.value.reason == "zero"


def test_a_site_of_la_poste_passes_by_its_digit_sum() -> None:
    assert Siret.parse("35600000000048").has_valid_check_digit  # head office: Luhn
    assert Siret.parse("35600000000011").has_valid_check_digit is False
    assert Siret.parse("35600000000015").has_valid_check_digit  # digit sum 20, fails Luhn


@given(st.from_regex(r"[1-9][0-9]{9}", fullmatch=True))
def test_exactly_one_last_digit_makes_an_rpps_valid(prefix: str) -> None:
    valid = [digit for digit in "0123456789" if Rpps.parse(prefix + digit).has_valid_check_digit]
    assert valid == [luhn.calc_check_digit(prefix)]


@given(st.text(max_size=16))
def test_parsing_any_text_answers_or_refuses(text: str) -> None:
    for kind in VALID:
        try:
            identifier = kind.parse(text)
        except InvalidIdentifier:
            continue
        assert kind.parse(identifier) == identifier
        assert has_valid_check_digit(identifier) in {True, False}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("anne-elise.exemple@medecin-exemple.mssante.fr", "anne-elise.exemple@medecin-exemple.mssante.fr"),
        (" Anais.MODELE@Interop-MSSante.apicrypt.org\t", "anais.modele@interop-mssante.apicrypt.org"),
        ("o'neill+urgent@ch.mssante.fr", "o'neill+urgent@ch.mssante.fr"),
        ("a" * 64 + "@ch.mssante.fr", "a" * 64 + "@ch.mssante.fr"),
    ],
)
def test_an_address_is_lower_cased_once(text: str, address: str) -> None:
    parsed = MailboxAddress.parse(text)
    assert parsed == address
    assert f"{parsed.local_part}@{parsed.domain}" == address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "at_sign"),
        ("anne", "at_sign"),
        ("anne@@exemple.mssante.fr", "at_sign"),
        ("@exemple.mssante.fr", "local_part"),
        ("anne exemple@exemple.mssante.fr", "local_part"),
        ("anne\x00@exemple.mssante.fr", "local_part"),
        ('"anne"@exemple.mssante.fr', "local_part"),
        (".anne@exemple.mssante.fr", "local_part"),
        ("anne..e@exemple.mssante.fr", "local_part"),
        ("anne@", "domain"),
        ("anne@mssante", "domain"),
        ("anne@exemple.mssante.fr.", "domain"),
        ("anne@-exemple.mssante.fr", "domain"),
        ("anne@exe_mple.mssante.fr", "domain"),
        ("anne@exemple .mssante.fr", "domain"),
        ("anne@" + "e" * 64 + ".mssante.fr", "domain"),
        ("annéé@exemple.mssante.fr", "ascii"),
        ("mar\u212a@exemple.mssante.fr", "ascii"),
        ("a" * 65 + "@ch.mssante.fr", "length"),
        ("a@" + "b." * 130 + "fr", "length"),
    ],
)
def test_an_address_of_wrong_form_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidIdentifier) as refused:
        MailboxAddress.parse(text)
    assert refused.value.code == f"address.{reason}"


@given(st.text(max_size=40) | st.from_regex(r"[ -~]{1,12}@[ -~]{1,12}", fullmatch=True))
def test_a_parsed_address_is_a_fixed_point(text: str) -> None:
    try:
        address = MailboxAddress.parse(text)
    except InvalidIdentifier:
        return
    assert MailboxAddress.parse(address) == address == address.lower()
    assert address.isascii()
    assert not set(address) & set(' "\t\r\n\x00')


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("99900000060", "899900000060"),
        ("899900000060", "899900000060"),
        ("8 999 0000 0060", "899900000060"),
        ("999\u00a00000\u202f0060", "899900000060"),
        ("999900012", "0999900012"),
        ("0999900012", "0999900012"),
        ("3990000010/agent01", "3990000010/AGENT01"),
        ("699900000060001/S1", "699900000060001/S1"),
    ],
)
def test_what_users_type_finds_the_person(typed: str, key: str) -> None:
    assert practitioner_keys(typed) == (key,)


@pytest.mark.parametrize("typed", ["", "12", "EXEMPLE", "9990000006", "999000000600", "00000000000", "a/b", "9" * 400])
def test_what_is_no_person_identifier_has_no_key(typed: str) -> None:
    assert practitioner_keys(typed) == ()


@pytest.mark.parametrize(
    ("typed", "candidates"),
    [
        ("990000010", ("990000010", "1990000010")),
        ("1990000010", ("1990000010", "990000010")),
        ("2a 990 0016", ("2A9900016", "12A9900016")),
        ("000 000 018 00010", ("00000001800010", "300000001800010")),
        ("300000001800010", ("300000001800010", "00000001800010")),
        ("f990000010", ("F990000010",)),
        ("R99990000000001", ("R99990000000001",)),
        ("499900000060001", ("499900000060001",)),
        ("2000000018", ("2000000018",)),
        ("", ()),
        ("000000000", ()),
    ],
)
def test_a_structure_is_looked_up_in_every_form(typed: str, candidates: tuple[str, ...]) -> None:
    assert organization_candidates(typed) == candidates


@pytest.mark.parametrize(
    ("commune", "postal_code", "department"),
    [
        ("01451", "01440", "01"),
        ("2A004", "20000", "2A"),
        ("2b033", "20200", "2B"),
        ("97801", "97150", "978"),
        ("97127", "97150", "971"),
        ("98613", "98600", "986"),
        ("", "75020", "75"),
        (None, "20000", "2A"),
        (None, "20199", "2A"),
        (None, "20200", "2B"),
        (None, "20600", "2B"),
        (None, "20700", None),
        (None, "97306", "973"),
        (None, "98800", "988"),
        ("20004", "20000", "2A"),
        ("99132", "GL", None),
        (None, "99123", None),
        (None, "00100", None),
        (None, "7502", None),
        (None, None, None),
    ],
)
def test_a_department_comes_from_the_commune_else_the_postal_code(
    commune: str | None, postal_code: str | None, department: str | None
) -> None:
    assert department_of(commune, postal_code) == department

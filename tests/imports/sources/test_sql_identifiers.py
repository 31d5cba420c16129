"""The SQL functions of the imports answer as the validated types of the rest of the program do."""

from datetime import date
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from app.identifiers import Finess, InvalidIdentifier, MailboxAddress, NationalId, Rpps, Siret, department_of

Connection = psycopg.Connection[Any]
# One empty database serves all examples of a test: these functions read no table.
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)

DIGITS = st.text("0123456789", min_size=1, max_size=18)
NUMBERS = st.one_of(DIGITS, st.from_regex(r"[0-9][0-9AB][0-9]{7}", fullmatch=True), st.text("0129AB", max_size=12))
SIRETS = st.one_of(
    st.from_regex(r"[0-9]{14}", fullmatch=True), st.from_regex(r"356000000[0-9]{5}", fullmatch=True), DIGITS
)
NATIONAL_IDS = st.one_of(
    st.from_regex(r"8[0-9]{10,12}", fullmatch=True),
    st.from_regex(r"0[0-9]{9}", fullmatch=True),
    st.from_regex(r"[1-6][0-9]{9,14}/[A-Z0-9 ]{0,4}", fullmatch=True),
    st.from_regex(r"3[0-9][0-9AB][0-9]{7}/[A-Z0-9|/\u00a0\u2003-]{1,3}", fullmatch=True),
    st.text("0189/A", max_size=14),
)
ADDRESSES = st.one_of(
    st.from_regex(r"[a-zA-Z0-9._é'-]{1,70}@[a-z0-9.-]{1,70}", fullmatch=True),
    st.from_regex(r"[a-z.]{0,6}@?[a-z]{1,4}@[a-z-]{1,5}\.fr", fullmatch=True),
    st.emails(),
)


def ask(connection: Connection, question: str, *values: object) -> Any:
    row = connection.execute("SELECT " + question, values).fetchone()
    assert row is not None
    return row[0]


def fault(kind: type[NationalId | MailboxAddress], text: str) -> str | None:
    try:
        kind.parse(text)
    except InvalidIdentifier as invalid:
        return invalid.reason
    return None


def is_valid(kind: type[Rpps | Finess | Siret], text: str) -> bool:
    try:
        return kind.parse(text).has_valid_check_digit
    except InvalidIdentifier:
        return False


@shared
@given(st.from_regex(r"[0-9]{11}", fullmatch=True))
@example("99900000060")
@example("99900000061")
@example("00000000000")
def test_luhn_in_sql_is_luhn(registry: Connection, digits: str) -> None:
    assert ask(registry, "luhn_valid(%s)", digits) is is_valid(Rpps, digits)


@pytest.mark.parametrize("text", ["", "9", "9990000006O", "-9900000006", "1234567890123456789", " 99900000060"])
def test_a_text_that_is_no_number_fails_luhn_and_breaks_nothing(registry: Connection, text: str) -> None:
    assert ask(registry, "luhn_valid(%s)", text) is False


@shared
@given(NUMBERS)
@example("2A9900016")
@example("9B9900017")
@example("000000000")
def test_a_finess_number_is_judged_alike(registry: Connection, text: str) -> None:
    assert ask(registry, "finess_valid(%s)", text) is is_valid(Finess, text)


@shared
@given(SIRETS)
@example("00000001800010")
@example("35600000000048")
def test_a_siret_is_judged_alike(registry: Connection, text: str) -> None:
    assert ask(registry, "siret_valid(%s)", text) is is_valid(Siret, text)


@shared
@given(NATIONAL_IDS)
@example("3990000010/AGENT01")
@example("800000000000")
@example("3990000010/A\u00a0B")
def test_a_national_identification_is_judged_alike(registry: Connection, text: str) -> None:
    assume(text.strip() == text.strip(" "))  # the files pad with plain spaces, people paste others too
    expected = fault(NationalId, text) if text.strip() else "missing"
    assert ask(registry, "national_id_fault(national_id_of(%s, NULL, NULL))", text) == expected
    if expected is None:
        has_warning = ask(registry, "national_id_warning(national_id_of(%s, NULL, NULL))", text) is not None
        assert has_warning is not NationalId.parse(text).has_valid_check_digit


@shared
@given(ADDRESSES)
@example("Anne@Exemple.mssante.fr")
@example("anne@@exemple.mssante.fr")
@example("anne exemple@exemple.mssante.fr")
@example("\u212aelvin@exemple.mssante.fr")
@example("a" * 65 + "@exemple.mssante.fr")
@example("a@" + "b" * 64 + ".fr")
def test_an_address_is_judged_alike(registry: Connection, text: str) -> None:
    assert ask(registry, "address_fault(%s)", text) == fault(MailboxAddress, text)


@shared
@given(
    st.one_of(st.none(), st.text("0123456789AB", max_size=5)),
    st.one_of(st.none(), st.text("0123456789", min_size=4, max_size=5)),
)
@example("97801", "97150")
@example("2A004", "20000")
@example(None, "20200")
@example("99132", None)
@example(None, "GL")
def test_a_department_is_derived_alike(registry: Connection, commune: str | None, postal_code: str | None) -> None:
    assert ask(registry, "department_of(%s, %s)", commune, postal_code) == department_of(commune, postal_code)


@pytest.mark.parametrize(
    ("line6", "city"),
    [
        ("25000 BESANCON", "BESANCON"),
        ("97306 CAYENNE CEDEX", "CAYENNE"),
        ("75680 PARIS CEDEX 14", "PARIS"),
        ("  25000   LA  VILLE ", "LA VILLE"),
        ("GL 5O 9ZZ CHELTENHAM", "CHELTENHAM"),
        ("B-1000 BRUXELLES", "BRUXELLES"),
        ("LYON 03", "LYON 03"),
        ("25000", None),
        ("25000 CEDEX", None),
        (None, None),
    ],
)
def test_the_town_of_line_6_loses_postal_code_and_cedex(
    registry: Connection, line6: str | None, city: str | None
) -> None:
    assert ask(registry, "city_of_line6(%s)", line6) == city


@pytest.mark.parametrize(
    ("printed", "department"),
    [("9A", "971"), ("9B", "972"), ("9C", "973"), ("9D", "974"), ("9F", "976"), ("9J", "986"), ("9E", None),
     ("01", "01"), ("2A", "2A"), ("20", None), ("971", "971"), ("AIN", None), (None, None)],
)  # fmt: skip
def test_the_letters_of_finess_name_departments(
    registry: Connection, printed: str | None, department: str | None
) -> None:
    assert ask(registry, "department_code(%s)", printed) == department


@pytest.mark.parametrize(
    ("code", "label", "postal_code", "country"),
    [
        ("99000", "France", "25000", "France"),
        (None, "FRANCE", None, "France"),
        (None, None, "25000", "France"),
        (None, None, None, None),
        (None, None, "GL", None),
        ("99132", "Royaume-uni", "GL", "Royaume-uni"),
    ],
)
def test_a_country_is_named_by_code_label_or_postal_code(
    registry: Connection, code: str | None, label: str | None, postal_code: str | None, country: str | None
) -> None:
    assert ask(registry, "country_of(%s, %s, %s)", code, label, postal_code) == country


@shared
@given(
    st.one_of(
        st.dates(min_value=date(1, 1, 1)).map(date.isoformat),
        st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", fullmatch=True),
    )
)
@example("2023-02-29")
@example("2024-02-29")
@example("9999-12-31")
@example("0000-01-01")
def test_a_date_is_read_in_both_forms_and_never_breaks_an_import(registry: Connection, text: str) -> None:
    try:
        expected = date.fromisoformat(text)
    except ValueError:
        expected = None
    year, month, day = text.split("-")
    assert ask(registry, "date_of(%s)", text) == expected
    assert ask(registry, "date_of(%s)", f"{day}/{month}/{year}") == expected


@pytest.mark.parametrize(
    ("id_type", "value", "expected"),
    [
        ("1", "990000010", "1990000010"),
        ("1", "1990000010", "1990000010"),
        ("3", "00000001800010", "300000001800010"),
        ("3", "300000001800010", "300000001800010"),
        ("0", "99990001200", "099990001200"),
        ("4", "99900000060001", "499900000060001"),
        (None, "990000010", "990000010"),
        ("1", None, None),
    ],
)
def test_a_structure_id_gets_its_type_when_it_lacks_it(
    registry: Connection, id_type: str | None, value: str | None, expected: str | None
) -> None:
    assert ask(registry, "national_structure_id(%s, %s)", id_type, value) == expected


@pytest.mark.parametrize(
    ("row", "key"),
    [
        (("990000010", "R1", "00000001800010", "x"), "1990000010"),
        ((None, "F990000010", "00000001800010", None), "1990000010"),
        (("99000001", "C00000001800010", "00000001800010", None), "300000001800010"),
        ((None, "R99990000000001", None, "499900000060001"), "499900000060001"),
        ((None, "R99990000000001", None, None), "R99990000000001"),
        ((None, None, None, None), None),
    ],
)
def test_a_structure_has_the_first_key_its_row_can_give(
    registry: Connection, row: tuple[str | None, ...], key: str | None
) -> None:
    assert ask(registry, "structure_key(%s, %s, %s, %s)", *row) == key

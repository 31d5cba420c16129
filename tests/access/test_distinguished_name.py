"""Distinguished names: all spellings of the field's lists are one, and the canonical one is canonical of itself."""

import random

import pytest
from cryptography.x509 import Name, NameAttribute, ObjectIdentifier, RelativeDistinguishedName
from cryptography.x509.name import _ASN1Type
from hypothesis import given
from hypothesis import strategies as st

from app.access.distinguished_name import SYNONYMS, InvalidDistinguishedName, Part, canonical, of_name, parse, values

MIPIH = "CN=medimail-asip.mipih.fr,OU=318310021300028,O=GIP MIPIH,ST=Haute-Garonne (31),C=FR"


@pytest.mark.parametrize(
    "spelling",
    [
        MIPIH,
        "CN=medimail-asip.mipih.fr, OU=318310021300028, O=GIP MIPIH, ST=Haute-Garonne (31), C=FR",
        "C=FR,ST=Haute-Garonne (31),O=GIP MIPIH,OU=318310021300028,CN=medimail-asip.mipih.fr",
        'CN=medimail-asip.mipih.fr,OU=318310021300028,O="GIP MIPIH",ST=Haute-Garonne (31),C=FR',
        "cn = MEDIMAIL-ASIP.mipih.fr ; ou=318310021300028 ; o=gip  mipih ;S=Haute-Garonne (31); c=fr ",
        "CN=medimail-asip.mipih.fr,OU=318310021300028,O=GIP\\20MIPIH,2.5.4.8=Haute\\-Garonne (31),C=FR",
        "CN=medimail-asip.mipih.fr,OU=318310021300028,O=GIP\u00a0MIPIH,ST=Haute-Garonne (31),C=FR",
        "CN=medimail-asip.mipih.fr+OU=318310021300028,O=GIP MIPIH,ST=Haute-Garonne (31),C=FR",
    ],
)
def test_one_name_in_many_spellings_is_one(spelling: str) -> None:
    assert canonical(spelling) == canonical(MIPIH)


def test_the_canonical_spelling_is_sorted_and_folded() -> None:
    assert canonical(MIPIH) == "C=fr,CN=medimail-asip.mipih.fr,O=gip mipih,OU=318310021300028,ST=haute-garonne (31)"


@pytest.mark.parametrize(
    "other",
    [
        MIPIH.replace("318310021300028", "318310021300029"),
        MIPIH.replace("ST=", "L="),
        MIPIH.replace("(31)", "31"),
        MIPIH + ",O=OTHER",
        MIPIH.replace(",C=FR", ""),
        MIPIH.replace("GIP MIPIH", "GIPMIPIH"),
    ],
)
def test_another_name_stays_another(other: str) -> None:
    assert canonical(other) != canonical(MIPIH)


def test_accents_are_compared_however_they_are_composed() -> None:
    assert (
        canonical("O=Pyr\u00e9n\u00e9es")
        == canonical("O=Pyre\u0301ne\u0301es")
        == canonical("O=Pyr\\C3\\A9n\\C3\\A9es")
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('O=CENTRE HOSPITALIER "FRANCK-JOLY",C=FR', 'CENTRE HOSPITALIER "FRANCK-JOLY"'),
        ('O="A, B; C=D+E",C=FR', "A, B; C=D+E"),
        ('O="A \\"B\\"" , C=FR', 'A "B"'),
        ("O=A\\, B\\+C,C=FR", "A, B+C"),
        ("O=A\\ ,C=FR", "A "),
        ("O=,C=FR", ""),
        ("O= x = y ,C=FR", "x = y"),
    ],
)
def test_quotes_and_escapes_are_read(text: str, value: str) -> None:
    assert parse(text) == (Part("O", value), Part("C", "FR"))


@pytest.mark.parametrize(
    "text", ["", "CN", "=x", "CN=x,", "CN=x,y", 'CN="x', 'CN="x"y', "CN=x\\", "C N=x", "CN=\\ff", "1x=y"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidDistinguishedName):
        canonical(text)


def test_values_of_one_type_keep_the_order_written() -> None:
    assert values("OU=b  c,OU=a,O=x", "OU") == ["b c", "a"]


PARTS = st.lists(
    st.tuples(st.sampled_from(["CN", "OU", "O", "ST", "L", "C", "1.2.3"]), st.text(max_size=12)), min_size=1, max_size=6
)


def spelt(parts: list[tuple[str, str]], chance: random.Random) -> str:
    """One of the many ways to write these pairs."""
    shown = []
    for kind, value in chance.sample(parts, len(parts)):
        hexed = "".join(f"\\{byte:02x}" for byte in value.encode())
        quoted = '"' + value.replace("\\", "\\5c").replace('"', "\\22") + '"'
        space = chance.choice(["", " ", "  "])
        name = chance.choice([kind, kind.lower(), "S" if kind == "ST" else kind])
        shown.append(f"{space}{name}{space}={space}{chance.choice([hexed, quoted])}{space}")
    return chance.choice(",;+").join(shown)


@given(PARTS, st.randoms(), st.randoms())
def test_any_spelling_of_the_same_pairs_is_one_name(
    parts: list[tuple[str, str]], chance: random.Random, other: random.Random
) -> None:
    first = canonical(spelt(parts, chance))
    assert canonical(spelt(parts, other)) == first
    assert canonical(first) == first


ENCODED = st.lists(
    st.tuples(st.sampled_from(["CN", "OU", "O", "ST", "L", "SERIALNUMBER", "1.2.3"]), st.text(min_size=1, max_size=12)),
    min_size=1,
    max_size=6,
)
NUMBERS = {kind: number for number, kind in SYNONYMS.items() if number[0].isdigit()}


@given(ENCODED, st.randoms())
def test_the_name_in_a_certificate_is_that_of_any_spelling_in_a_list(
    parts: list[tuple[str, str]], chance: random.Random
) -> None:
    attributes = [NameAttribute(ObjectIdentifier(NUMBERS.get(kind, kind)), value) for kind, value in parts]
    chance.shuffle(attributes)
    assert of_name(Name(attributes)) == canonical(spelt(parts, chance))
    together = [RelativeDistinguishedName(set(attributes))]
    assert of_name(Name(together)) == canonical(spelt(parts, chance))


def test_a_value_in_a_certificate_cannot_pass_for_two_parts() -> None:
    number = ObjectIdentifier("2.5.4.3")
    forged = Name([NameAttribute(number, "a,OU=1990000010")])
    assert of_name(forged) != of_name(
        Name([NameAttribute(number, "a"), NameAttribute(ObjectIdentifier("2.5.4.11"), "1990000010")])
    )
    assert parse(of_name(forged)) == (Part("CN", "a,ou=1990000010"),)


@pytest.mark.parametrize(
    "name",
    [Name([]), Name([NameAttribute(ObjectIdentifier("2.5.4.45"), b"\x01", _ASN1Type.BitString)])],
    ids=["empty", "bits"],
)
def test_a_name_in_a_certificate_without_text_is_refused(name: Name) -> None:
    with pytest.raises(InvalidDistinguishedName):
        of_name(name)


@given(st.text(alphabet=st.characters() | st.sampled_from('\\",=+;# CNOU'), max_size=60))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        name = canonical(text)
    except InvalidDistinguishedName:
        return
    assert canonical(name) == name

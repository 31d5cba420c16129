"""Names, escapes and text: properties."""

from hypothesis import given
from hypothesis import strategies as st

from app.ldap.tree import Tree, escape, rdn
from app.ldap.values import clean, distinct, unaccented, with_unaccented

TREE = Tree("dc=mssante,dc=fr")
ANYTHING = st.text(min_size=1)


def test_a_plus_sign_is_escaped_in_the_dn() -> None:
    assert TREE.dn("a+b@x.fr") == r"mail=a\2Bb@x.fr,ou=bal,dc=mssante,dc=fr"


@given(ANYTHING)
def test_the_address_comes_back_from_its_dn(address: str) -> None:
    assert TREE.address(TREE.dn(address)) == address


@given(ANYTHING)
def test_an_escaped_text_can_neither_close_nor_widen_a_filter(text: str) -> None:
    assert not set("*()\0") & set(escape(text))


def test_entries_named_otherwise_have_no_address() -> None:
    for dn in (
        "cn=x,ou=bal,dc=mssante,dc=fr",
        "mail=a@x.fr,ou=other,dc=mssante,dc=fr",
        "mail=a@x.fr+cn=x,ou=bal,dc=mssante,dc=fr",
        "mail=a@x.fr,mail=b@x.fr,ou=bal,dc=mssante,dc=fr",
    ):
        assert TREE.address(dn) is None


def test_a_dn_as_slapd_prints_it_is_read_too() -> None:
    assert TREE.address(r"MAIL=a\2Bb\,c@x.fr,OU=bal,dc=mssante,DC=fr") == "a+b,c@x.fr"
    assert rdn("#a ") == r"mail=\23a\20"


def test_accents_and_ligatures_go_and_case_stays() -> None:
    assert unaccented("Anne-Élise LEFÈVRE d'Œuvre Strauß") == "Anne-Elise LEFEVRE d'OEuvre Strauss"
    assert with_unaccented("Élise") == ["Élise", "Elise"]
    assert with_unaccented("Jean") == ["Jean"]


def test_values_that_slapd_takes_for_one_are_written_once() -> None:
    assert distinct(["A b", "a B", "", "ﬁx", "fix", "Σ", "ς"]) == ["A b", "ﬁx", "Σ"]


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_cleaning_keeps_one_line_of_single_spaces() -> None:
    assert clean(" a\x00\x1f b\u2028c\u00a0d ") == "a b c d"
    assert len(clean("x" * 5_000)) == 1_000

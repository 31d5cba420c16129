"""No cell of an export is a formula, however a spreadsheet cuts the line, and every cell can be read back."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.search.export_cells import cell, plain

# What begins a formula, or may be taken for what does.
DANGEROUS = "=+-@\u2212"
LIKE_THEM = [
    character
    for character in map(chr, range(0x20, 0x11_0000))
    if unicodedata.normalize("NFKC", character)[0] in DANGEROUS
]
SEPARATORS = re.compile(r"[,;|\t]")
BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
UNSEEN = [" ", "\t", "\r\n", "\x00", "\xa0", "\u2003", "\u00ad", "\u200b", "\ufeff"]
PIECES = st.one_of(
    st.sampled_from("=+-@"),
    st.sampled_from(LIKE_THEM),
    st.sampled_from(UNSEEN),
    st.sampled_from(",;|\"'"),
    st.just("cmd|' /C calc'!A0"),
)
TEXTS = st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=8).map("".join))


def begins_formula(text: str) -> bool:
    seen = re.sub(r"^[\s\u00ad\u200b-\u200f\u2060\ufeff]+", "", text)
    return unicodedata.normalize("NFKC", seen)[:1] in set(DANGEROUS)


@given(TEXTS)
def test_no_part_of_a_cell_is_a_formula_at_any_separator(text: str) -> None:
    assert not [part for part in SEPARATORS.split(cell(text)) if begins_formula(part)]


@given(TEXTS)
def test_a_cell_is_one_line_and_is_read_back(text: str) -> None:
    assert not BREAKS.search(cell(text))
    assert plain(cell(text)) == BREAKS.sub(" ", text)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (-3, "'-3"),
        ("Anne-Élise", "Anne-Élise"),
        ("anne.exemple@ch-exemple.mssante.fr", "anne.exemple@ch-exemple.mssante.fr"),
        ("+33 1 99 00 00 00", "'+33 1 99 00 00 00"),
        ("-anne@ch-exemple.mssante.fr", "'-anne@ch-exemple.mssante.fr"),
        ("=HYPERLINK(0)", "'=HYPERLINK(0)"),
        ("\t=1", "' =1"),
        ("\xa0=1", "'\xa0=1"),
        ("a; \u200b@b", "a;' \u200b@b"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("Service A, =1", "Service A,' =1"),
        ("'s Heerenberg", "''s Heerenberg"),
        ("l'hôpital", "l'hôpital"),
        ("a\r\nb\x00c", "a  b c"),
        ("\ud800", " "),
    ],
)
def test_cells(value: object, shown: str) -> None:
    assert cell(value) == shown


def test_a_long_text_is_made_safe_too() -> None:
    assert cell("=" + "1" * 200) == "'=" + "1" * 200

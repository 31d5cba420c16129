"""FINESS+ structures: one JSON document, of any size and in any state, read in flat memory."""

import csv
import gzip
import itertools
import json
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imports.finess_plus import FinessPlusLayout
from app.imports.json_records import MAX_DEPTH, MAX_QUIET
from app.imports.reading import Reading
from app.imports.receive import receive
from app.imports.recognise import recognise
from app.imports.refusal import FileRefused
from tests.imports import files
from tests.imports.test_parse import Parsed

LAYOUT = FinessPlusLayout(None)
SAMPLE = (files.SAMPLES / "finess-structures-SYNTHETIC.json").read_bytes()


def read(content: bytes) -> tuple[list[dict[str, str]], Parsed]:
    parsed = Parsed(content, LAYOUT)
    rows = csv.reader(parsed.rows, delimiter="|", quotechar="\x01")
    return [dict(zip(("line", *LAYOUT.fields), row, strict=True)) for row in rows], parsed


def document(*entities: object, **members: object) -> bytes:
    return json.dumps({**members, "pmej": entities}).encode()


def entity(*sites: object, **members: object) -> dict[str, Any]:
    about = {"numFinessPm": "990000028", "denominationPm": "CH"}
    return {"informationsGeneralesPMEJ": about, "etatObjet": "A", "ege": sites, **members}


def site(number: str = "990000010", **members: object) -> dict[str, Any]:
    return {"informationsGeneralesEGE": {"numFinessEge": number, "nomEgeCourt": "CH"}, "etatObjet": "A", **members}


def refusal(content: bytes) -> FileRefused:
    with pytest.raises(FileRefused) as refused:
        read(content)
    return refused.value


def test_the_sample_gives_its_open_entities_and_sites() -> None:
    rows, parsed = read(SAMPLE)
    assert [(row["line"], row["finess"], row["finess_legal"]) for row in rows] == [
        ("1", "990000028", "990000028"),
        ("2", "990000010", "990000028"),
        ("5", "979900017", "990000044"),
    ]
    assert (parsed.read, parsed.blank, parsed.rejected) == (5, 2, 0)
    assert parsed.warnings == {"structure.closed": 2}


def test_a_site_is_laid_out_as_the_older_stock_has_it() -> None:
    rows, _ = read(SAMPLE)
    assert {field: value for field, value in rows[1].items() if value} == {
        "line": "2",
        "finess": "990000010",
        "finess_legal": "990000028",
        "name": "CH EXEMPLE",
        "long_name": 'CENTRE HOSPITALIER "EXEMPLE" | SITE NORD',
        "recipient": "SITE NORD",
        "building": "BATIMENT A",
        "number": "6",
        "street_type": "RUE",
        "street": "DE L EXEMPLE",
        "repetition": "B",
        "distribution": "BP 132",
        "commune": "056",
        "department": "25",
        "line6": "25000 BESANCON",
        "type": "355",
        "siret": "00000001800010",
        "opened": "1979-02-13",
    }


def test_a_legal_entity_has_the_address_of_its_seat() -> None:
    rows, _ = read(SAMPLE)
    assert (rows[0]["name"], rows[0]["street"], rows[0]["line6"]) == (
        "CH EXEMPLE",
        "DE L EXEMPLE",
        "25030 BESANCON CEDEX",
    )


def test_members_are_found_whatever_their_case_their_order_and_the_form_of_a_code() -> None:
    rows, _ = read(SAMPLE)
    assert (rows[2]["type"], rows[2]["commune"], rows[2]["department"]) == ("124", "127", "9A")
    late = {"ege": [site()], "etatObjet": "A", "INFORMATIONSGENERALESPMEJ": {"NUMFINESSPM": "990000028"}}
    assert [row["finess_legal"] for row in read(document(late))[0]] == ["990000028", "990000028"]


@pytest.mark.parametrize(
    ("members", "is_read"),
    [
        ({"etatObjet": "A"}, True),
        ({"etatObjet": "I"}, False),
        ({"etatObjet": {"code": "I"}}, False),
        ({"etatObjet": None}, True),
        ({"etatObjet": None, "dateFermeture": "2019-03-03"}, False),
        # A day of closing may lie ahead: the state decides.
        ({"etatObjet": "A", "dateFermeture": "2099-03-03"}, True),
    ],
)
def test_what_is_closed_is_not_asserted(members: dict[str, Any], is_read: bool) -> None:  # noqa: FBT001 - a column
    about = {"numFinessEge": "990000010", "dateFermeture": members.pop("dateFermeture", "")}
    rows, parsed = read(document(entity({"informationsGeneralesEGE": about, **members})))
    assert [row["finess"] for row in rows][1:] == ["990000010"] * is_read
    assert parsed.read == 2 == len(rows) + parsed.blank


@pytest.mark.parametrize(
    ("insee", "commune", "department"),
    [
        ("2A004", "004", "2A"),
        ("97801", "801", "9A"),
        ("97411", "411", "9D"),
        ("98613", "613", "9J"),
        ("97502", "", "975"),
        ("98818", "", "988"),
        ("1", "", ""),
    ],
)
def test_communes_are_those_of_finess(insee: str, commune: str, department: str) -> None:
    rows, _ = read(document(entity(site(adresse=[{"cogCommune": insee}]))))
    assert (rows[1]["commune"], rows[1]["department"]) == (commune, department)


@pytest.mark.parametrize(
    ("address", "line6"),
    [
        ({"codePostal": "25000", "ligneAcheminement": "BESANCON"}, "25000 BESANCON"),
        ({"codePostal": "25000", "ligneAcheminement": "25030 BESANCON CEDEX"}, "25030 BESANCON CEDEX"),
        ({"codePostal": "25000", "ligneSix": "25000 BESANCON"}, "25000 BESANCON"),
        ({"codePostal": "25000"}, "25000"),
        ({"ligneAcheminement": "BESANCON"}, "BESANCON"),
    ],
)
def test_the_last_line_of_an_address_is_put_together(address: dict[str, str], line6: str) -> None:
    assert read(document(entity(site(adresse=[address]))))[0][1]["line6"] == line6


@pytest.mark.parametrize(
    ("value", "code"),
    [("A\u0000B", "line.control_character"), ("A\u0001B", "line.control_character"), ("X" * 601, "value.too_long")],
)
def test_a_value_that_cannot_be_stored_costs_its_structure(value: str, code: str) -> None:
    about = {"numFinessEge": "990000010", "nomEgeCourt": value}
    _, parsed = read(document(entity(site(), {"informationsGeneralesEGE": about}, site())))
    assert parsed.rejects == [(3, "nomEgeCourt", code)]
    assert len(parsed.rows) == 3


@pytest.mark.parametrize("stray", ["text", 1, None, True])
def test_what_stands_in_the_place_of_a_structure_is_counted(stray: object) -> None:
    _, parsed = read(document(entity(stray, site()), stray))
    # Without a number: the source itself rejects them.
    assert [row.split("|")[0] for row in parsed.rows] == ["1", "2", "3", "4"]
    assert parsed.read == 4


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (SAMPLE[:3_000], "json.truncated", "ends at byte 3000, after record 2"),
        (SAMPLE.replace(b'"990000010"', b"990000010 x"), "json.malformed", "between bytes 1 and "),
        (SAMPLE + b"{}", "json.malformed", "after record 5"),
        (SAMPLE.replace(b"CH EXEMPLE", b"CH \xe9XEMPLE"), "json.malformed", "between bytes"),
        (b'{"pmej": {}}', "json.member_missing", "'pmej'"),
        (b"[]", "json.root", "begins with a list"),
        (b'{"pmej": [' + b"[" * (MAX_DEPTH + 2), "json.too_deep", "200"),
        (b'{"pmej": ["' + b"x" * (2 * MAX_QUIET) + b'"]}', "json.value_too_long", "after record 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_document_is_refused_with_its_place(content: bytes, code: str, said: str) -> None:
    refused = refusal(content)
    assert refused.code == code
    assert said in refused.detail


def test_it_is_recognised_under_any_name_plain_or_compressed(tmp_path: Path) -> None:
    plain = files.written(tmp_path, "a.bin", b"\xef\xbb\xbf \n" + SAMPLE)
    packed = files.written(tmp_path, "finess-structures-1", gzip.compress(SAMPLE))
    for path in (plain, packed):
        layout = recognise(receive(path)[0])
        assert (layout.source.name, layout.stamp) == ("finess", "202609230412")


def test_another_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="with the list pmej") as refused:
        recognise(receive(files.written(tmp_path, "a.json", b'{"activites": []}'))[0])
    assert refused.value.code == "file.unknown"


@given(st.binary(max_size=6), st.integers(0, len(SAMPLE)), st.integers(0, 40), st.integers(1, 900))
def test_any_mutation_is_read_to_the_end_or_refused(noise: bytes, at: int, dropped: int, size: int) -> None:
    content = SAMPLE[:at] + noise + SAMPLE[at + dropped :]
    try:
        parsed = Parsed(content, LAYOUT, chunk=lambda: size)
    except FileRefused:
        return
    assert parsed.read == len(parsed.rows) + parsed.rejected + parsed.blank
    assert len({row.split("|")[0] for row in parsed.rows}) == len(parsed.rows)


@given(st.recursive(st.none() | st.booleans() | st.text(max_size=5) | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["ege", "adresse", "etatObjet", "code", "siret", "informationsGeneralesEGE", "numFinessEge"]), inner)))  # fmt: skip # noqa: E501
def test_any_tree_of_known_members_is_read(tree: object) -> None:
    parsed = Parsed(document(tree, entity(tree, site(adresse=tree, etatObjet=tree))), LAYOUT)
    assert parsed.read == len(parsed.rows) + parsed.rejected + parsed.blank


def test_memory_does_not_grow_with_the_file() -> None:
    one = json.dumps(entity(*[site(evenement=[{"evenementId": "1"}] * 50) for _ in range(20)])).encode() + b","
    texts = itertools.chain([b'{"pmej": ['], itertools.repeat(one, 100), [b"{}]}"])
    waiting = bytearray()

    def some(size: int) -> bytes:
        while len(waiting) < size and (text := next(texts, b"")):
            waiting.extend(text)
        piece = bytes(waiting[:size])
        del waiting[:size]
        return piece

    with closing(Reading()) as reading:
        tracemalloc.start()
        for _ in LAYOUT.copy_text(some, reading):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert reading.read == 2_101
    assert peak < 2 << 20

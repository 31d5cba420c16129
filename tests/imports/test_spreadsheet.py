"""Workbooks are read in a process with limits: what is harmful, damaged or endless is refused and hurts nothing."""

import io
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.imports import spreadsheet, xlsx_rows
from app.imports.refusal import FileRefused
from app.imports.spreadsheet import Row, rows
from tests.imports.workbooks import SHEET, a_workbook, header_row, repacked, with_rows, with_sheet


def read(content: bytes) -> list[Row]:
    return list(rows(io.BytesIO(content).read))


def refusal(content: bytes) -> FileRefused:
    with pytest.raises(FileRefused) as refused:
        read(content)
    return refused.value


def test_rows_keep_their_numbers_and_their_texts() -> None:
    content = with_sheet(
        '<row r="2"><c r="B2" t="inlineStr"><is><t>é &amp; "œ"</t></is></c></row>'
        '<row r="5"><c r="A5" t="inlineStr"><is><t>00123</t></is></c></row>'
    )
    assert read(content) == [Row(2, ["", 'é & "œ"']), Row(5, ["00123", ""])]
    lower = '<row r="3"><c r="C3" t="inlineStr"><is><t>x</t></is></c></row>'
    assert read(with_sheet(lower)) == [Row(3, ["", "", "x"])]


def test_what_is_no_text_says_what_it_is() -> None:
    styles = b'<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs count="2"><xf/><xf numFmtId="14"/></cellXfs></styleSheet>'  # noqa: E501
    content = with_sheet(
        '<row r="1"><c r="A1"><v>10001234567</v></c><c r="B1" s="1"><v>45000</v></c><c r="C1" t="b"><v>1</v></c>'
        '<c r="D1"><v>1.5</v></c><c r="E1"><v>1.0001234567E10</v></c></row>',
        xl__styles=b"",
        **{"xl__styles.xml": styles},
    )
    ((_, cells),) = read(content)
    assert cells[0] == {"number": "10001234567"}
    assert cells[1] == {"date": "2023-03-15"}
    assert cells[2:] == [{"boolean": "true"}, {"number": "1.5"}, {"number": "10001234567"}]


def test_a_cell_of_over_4096_bytes_is_not_kept() -> None:
    assert read(with_rows([("x" * 4_096, "x" * 4_097)]))[0].cells == ["x" * 4_096, {"long": 4_097}]


def test_a_million_empty_rows_below_the_last_cost_nothing() -> None:
    empty = "".join(f'<row r="{number}" ht="15"/>' for number in range(3, 1_048_577))
    content = with_sheet(header_row() + '<row r="2"><c t="inlineStr"><is><t>create</t></is></c></row>' + empty)
    assert [row.number for row in read(content)] == [1, 2]


def test_an_empty_sheet_has_no_rows() -> None:
    assert read(with_sheet("")) == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (a_workbook()[:-30], "xlsx.damaged"),
        (a_workbook()[:400], "xlsx.damaged"),
        (b"PK\x03\x04 no archive", "xlsx.damaged"),
        (repacked({SHEET: b"<worksheet><sheetData><row></sheetData>"}), "xlsx.damaged"),
        (repacked({"xl/workbook.xml": b"<workbook/>"}), "xlsx.damaged"),
        (repacked({SHEET: b'<?xml version="1.0" encoding="klingon"?><worksheet/>'}), "xlsx.damaged"),
        (repacked({"xl/vbaProject.bin": b"x"}), "xlsx.macro"),
        (repacked({"[Content_Types].xml": b'<Types><Override ContentType="x.macroEnabled"/></Types>'}), "xlsx.macro"),
        (repacked({SHEET: b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><worksheet/>'}), "xlsx.forbidden"),
        (repacked({SHEET: "\ufeff<!DOCTYPE x><worksheet/>".encode("utf-16-le")}), "xlsx.forbidden"),
        (repacked({f"xl/media/{number}.png": b"" for number in range(100)}), "xlsx.too_large"),
        (repacked({"xl/media/bomb.bin": b"\0" * (65 << 20)}), "xlsx.too_large"),
        (repacked({"xl/x.bin": b"x"}, zipfile.ZIP_LZMA), "xlsx.damaged"),
        (with_sheet('<row r="1"><c r="A1"><v>1</v></c><c r="ZZ1"><v>1</v></c></row>'), "header.too_wide"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_harmful_or_damaged_is_refused(content: bytes, code: str) -> None:
    assert refusal(content).code == code


def test_a_sheet_that_would_fill_the_memory_is_refused_and_nothing_else_is_hurt() -> None:
    # Two cells a million rows apart: a table of all cells between them takes some gigabytes.
    far = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="SF1048576"><v>1</v></c></row>'
    assert refusal(with_sheet(far)).code == "xlsx.limits"
    assert read(with_rows([("a",)])) == [Row(1, ["a"])]


def test_a_reader_that_does_not_answer_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "PATIENCE", 0.01)
    assert refusal(a_workbook()).code == "xlsx.limits"


def test_too_large_a_file_is_refused_before_it_is_all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_rows, "MAX_SIZE", 1_000)
    with pytest.raises(FileRefused, match="hand in CSV instead"):
        xlsx_rows.require_harmless(a_workbook())


def test_whoever_stops_reading_leaves_no_process_behind() -> None:
    found = rows(io.BytesIO(a_workbook({"operation": "create"})).read)
    assert next(found).number == 1
    found.close()  # type: ignore[attr-defined] # a generator


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=200, deadline=None)
@given(st.binary(max_size=8), st.floats(0, 1), st.integers(0, 60))
def test_any_mutation_is_read_or_refused(noise: bytes, share: float, dropped: int) -> None:
    # In this process, since hundreds of others take long: the limits were shown above.
    content = a_workbook({"operation": "create", "kind": "mailbox", "address": "a@exemple.mssante.fr"})
    at = int(share * len(content))
    content = content[:at] + noise + content[at + dropped :]
    try:
        xlsx_rows.require_harmless(content)
        numbers = [number for number, _ in xlsx_rows.rows_of(content)]
    except FileRefused:
        return
    assert numbers == sorted(set(numbers))

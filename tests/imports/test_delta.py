"""An admin's file, as CSV and as a workbook: cells as they were meant, or a reject that says why not."""

import csv
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imports.delta import DELIMITERS, DeltaLayout, delta_header
from app.imports.delta_form import LABELS
from app.imports.reading import Reading
from app.imports.receive import receive
from app.imports.recognise import recognise
from app.imports.refusal import FileRefused
from app.imports.sources import delta
from app.imports.spreadsheet import Row
from tests.imports.files import written
from tests.imports.test_parse import Parsed
from tests.imports.workbooks import a_workbook, header_row, with_rows, with_sheet

HEADER = "operation;kind;address;service;rank;dematerialization;practitioner;name"


def layout(header: str = HEADER, delimiter: str | None = ";") -> DeltaLayout:
    return DeltaLayout(delta_header(header.split(delimiter or ";"), delta.SOURCE), delimiter)


def read(*lines: str, header: str = HEADER, encoding: str = "utf-8") -> tuple[list[list[str]], Parsed]:
    parsed = Parsed("\n".join((header, *lines)).encode(encoding), layout(header))
    return list(csv.reader(parsed.rows, delimiter="|", quotechar="\x01")), parsed


def workbook(content: bytes, header: tuple[str, ...] = LABELS) -> Parsed:
    return Parsed(content, DeltaLayout(delta_header(header, delta.SOURCE), None), chunk=lambda: 1_000)


def test_values_may_be_quoted_and_are_tidied() -> None:
    rows, parsed = read('create;mailbox;"a@exemple.mssante.fr";"  Urgences ; ""24 h""  | nuit ";1;O;99900000060;')
    assert rows == [
        ["2", "create", "mailbox", "a@exemple.mssante.fr", 'Urgences ; "24 h" | nuit', "1", "O", "99900000060", ""]
    ]
    assert parsed.rejected == 0


@pytest.mark.parametrize("delimiter", list(DELIMITERS))
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_any_separator_is_found_in_the_header(tmp_path: Path, delimiter: str, mark: str) -> None:
    content = (mark + HEADER.replace(";", delimiter) + "\r\n").encode()
    found = recognise(receive(written(tmp_path, "x.bin", content))[0])
    assert isinstance(found, DeltaLayout)
    assert (found.source.name, found.delimiter) == ("delta", delimiter)
    assert found.fields == tuple(HEADER.split(";"))


def test_labels_may_be_french_quoted_and_in_any_order(tmp_path: Path) -> None:
    content = '"Adresse","Kind","Opération","Raison sociale","liste rouge"\n'.replace("Opération", "operation").encode()
    found = recognise(receive(written(tmp_path, "x.csv", content))[0])
    assert found.fields == ("address", "kind", "operation", "name", "liste_rouge")


def test_a_file_of_before_is_read_as_cp1252() -> None:
    rows, parsed = read("create;mailbox;a@b.fr;Gériatrie;;;;", encoding="cp1252")
    assert rows[0][4] == "Gériatrie"
    assert parsed.warnings == {"encoding.cp1252": 1}


@pytest.mark.parametrize(
    ("line", "column", "code"),
    [
        ("create;mailbox;a@b.fr;s;1;O;1,00E+10;", "practitioner", "cell.kind"),
        ("create;mailbox;a@b.fr;s;1;O;1.0001234567E10;", "practitioner", "cell.kind"),
        ("create;mailbox;a@b.fr;=HYPERLINK();1;O;;", "service", "value.formula"),
        ("create;mailbox;a@b.fr; @SUM;1;O;;", "service", "value.formula"),
        ("create;organization;;;;;;+33", "name", "value.formula"),
        ("create;organization;;;;;;-x", "name", "value.formula"),
        ("create;organization;;;;;;\u00a0=x", "name", "value.formula"),
        ("create;mailbox", None, "line.field_count"),
        ("create;mailbox;a@b.fr;s;1;O;;;x", None, "line.field_count"),
        ('create;mailbox;a@b.fr;"open;1;O;;', None, "line.quote"),
        ("create;mailbox;a@b.fr;" + "x" * 601 + ";1;O;;", "service", "value.too_long"),
        ("create;mailbox;a@b.fr;a\x07b;1;O;;", "service", "line.control_character"),
    ],
)
def test_what_cannot_be_meant_is_rejected_with_its_place(line: str, column: str | None, code: str) -> None:
    _, parsed = read("close;mailbox;a@b.fr;;;;;", line, "close;mailbox;c@b.fr;;;;;")
    assert parsed.rejects == [(3, column, code)]
    assert len(parsed.rows) == 2


def test_a_lone_hyphen_is_no_formula() -> None:
    rows, parsed = read("change;mailbox;a@b.fr;-;-;-;-;-")
    assert (rows[0][4:], parsed.rejected) == (["-"] * 5, 0)


def test_lines_of_empty_cells_are_blank() -> None:
    rows, parsed = read("", ";;;;;;;", "create;mailbox;a@b.fr;;;;;", '"";"";;;;;;', " ; ;;;;;;", ";;;;;;;")
    assert [row[0] for row in rows] == ["4"]
    assert (parsed.read, parsed.blank, parsed.rejected) == (6, 5, 0)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("operation;kind;adress", "header.column_unknown"),
        ("operation;kind;address;adresse", "header.duplicate"),
        ("operation;kind;;address", "header.column_unknown"),
    ],
)
def test_a_header_that_cannot_be_meant_is_refused(header: str, code: str) -> None:
    with pytest.raises(FileRefused) as refused:
        delta_header(header.split(";"), delta.SOURCE)
    assert refused.value.code == code


def test_a_workbook_gives_the_same_rows_as_the_text(tmp_path: Path) -> None:
    row = {"operation": "create", "kind": "mailbox", "address": "a@b.fr", "service": "ÉTÉ | 2"}
    content = a_workbook(row, {}, row | {"address": "c@b.fr"})
    found = recognise(receive(written(tmp_path, "x.zip", content))[0])
    assert isinstance(found, DeltaLayout)
    text = ";".join(LABELS) + "".join(
        "\n" + ";".join(each.get(label, "") for label in LABELS) for each in (row, {}, row | {"address": "c@b.fr"})
    )
    expected = Parsed(text.encode(), layout(";".join(LABELS)))
    parsed = workbook(content)
    assert parsed.rows == expected.rows
    assert (parsed.read, parsed.blank, parsed.rejected) == (3, 1, 0)


def cells(*content: str, styles: bytes = b"") -> bytes:
    """A workbook with the columns of FIVE and one line, whose last three cells are these."""
    head = "".join(f'<c t="inlineStr"><is><t>{label}</t></is></c>' for label in FIVE)
    first = "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in ("create", "mailbox"))
    parts = {"xl/styles.xml": styles} if styles else {}
    return with_sheet(f'<row r="1">{head}</row><row r="2">{first}{"".join(content)}</row>', **parts)


FIVE = ("operation", "kind", "rank", "practitioner", "dematerialization")


def test_numbers_and_answers_are_taken_where_they_lose_nothing() -> None:
    parsed = workbook(cells("<c><v>2</v></c>", "<c/>", '<c t="b"><v>1</v></c>'), FIVE)
    assert parsed.rejects == []
    assert parsed.rows[0].replace("\x01", "") == "2|create|mailbox|2||true"


@pytest.mark.parametrize("value", ["<c><v>10001234567</v></c>", "<c><v>1.0E+10</v></c>", '<c t="b"><v>1</v></c>'])
def test_a_number_in_the_place_of_a_text_is_rejected_not_guessed(value: str) -> None:
    parsed = workbook(cells("<c/>", value), FIVE)
    assert parsed.rejects == [(2, "practitioner", "cell.kind")]


def test_a_date_is_rejected() -> None:
    styles = b'<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs count="2"><xf/><xf numFmtId="14"/></cellXfs></styleSheet>'  # noqa: E501
    parsed = workbook(cells('<c s="1"><v>45000</v></c>', styles=styles), FIVE)
    assert parsed.rejects == [(2, "rank", "cell.kind")]
    assert "a date" in parsed.full[0][3]


def test_a_workbook_without_our_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="import template --xlsx"):
        recognise(receive(written(tmp_path, "x.xlsx", with_rows([("Nom", "Ville")])))[0])


def test_an_old_workbook_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match=r"save it as \.xlsx"):
        recognise(receive(written(tmp_path, "x.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600))[0])


def test_rows_without_cells_at_their_end_are_whole() -> None:
    content = with_sheet(header_row() + '<row r="3"><c t="inlineStr"><is><t>close</t></is></c></row>')
    parsed = workbook(content)
    assert (parsed.read, parsed.blank, len(parsed.rows)) == (2, 1, 1)


LINES = st.lists(
    st.one_of(
        st.sampled_from([b"create;mailbox;a@b.fr;s;1;O;99900000060;", b";;;;;;;", b"", b'"";"', b'a;"b;c', b";" * 9]),
        st.sampled_from(
            ["é;ü;œ;;;;;".encode(), b"\xe9;;;;;;;", b"x\x00;;;;;;;", b"=1;;;=1;;;;", b'"a""b";;;;;;;', b"\xef\xbb\xbf"]
        ),
        st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")),
    ),
    max_size=20,
)


@given(LINES, st.integers(1, 500), st.sampled_from([b"\n", b"\r\n"]))
def test_any_text_is_read_to_the_end_or_refused(lines: list[bytes], size: int, end: bytes) -> None:
    content = end.join([HEADER.encode(), *lines])
    chunk: Callable[[], int] = lambda: size  # noqa: E731 - as Parsed takes it
    try:
        parsed = Parsed(content, layout(), chunk=chunk)
    except FileRefused:
        return
    assert parsed.read == len(parsed.rows) + parsed.rejected + parsed.blank
    for row in csv.reader(parsed.rows, delimiter="|", quotechar="\x01"):
        assert len(row) == 9


CELLS = st.one_of(
    st.sampled_from(["create", "mailbox", "a@b.fr", "1,0E+10", "=1", "-", "  x  ", "é\u00a0"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
    st.builds(lambda kind: {kind: "1"}, st.sampled_from(["number", "date", "boolean", "long"])),
)


@given(st.lists(st.tuples(st.integers(1, 4), st.lists(CELLS, min_size=1, max_size=7)), max_size=8))
def test_any_rows_of_a_workbook_are_taken_rejected_or_blank(sheet: list[tuple[int, list[object]]]) -> None:
    found, number = [Row(1, list(FIVE))], 1
    for step, content in sheet:
        number += step
        found.append(Row(number, content))
    layout = DeltaLayout(delta_header(FIVE, delta.SOURCE), None)
    with closing(Reading()) as reading:
        lines = b"".join(layout.sheet_text(iter(found), reading)).decode().splitlines()
        assert reading.read == number - 1 == len(lines) + reading.rejected + reading.blank
    assert {int(line.partition("|")[0]) for line in lines} <= {row.number for row in found[1:]}

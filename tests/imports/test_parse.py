"""The parser: every line is a row, a reject with its place, or blank, in flat memory and whatever the bytes."""

import csv
import io
import itertools
import random
import tracemalloc
from collections.abc import Callable
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imports.header import Header
from app.imports.known import as_number, digest
from app.imports.layouts import MAX_VALUE, FinessLayout, TableLayout
from app.imports.lines import MAX_LINE
from app.imports.reading import Layout, Reading
from app.imports.refusal import FileRefused
from app.imports.sources.description import Column, Source
from tests.imports import files

SOURCE = Source(
    name="letters",
    rank=1,
    columns=(Column("a", ("a",)), Column("b", ("b",)), Column("c", ("c",))),
    entities=(),
    reject="",
    state="",
    targets=(),
    counted="letter",
)
TABLE = TableLayout(Header(SOURCE, ("A", "B", "C"), ("a", "b", "c")))


class Parsed:
    """What one pass gave: rows as COPY text, without the digests that stand after the numbers of lines; rejects as
    (line, column, code).
    """

    def __init__(self, content: bytes, layout: Layout = TABLE, chunk: Callable[[], int] = lambda: 1 << 18) -> None:
        source = io.BytesIO(content)
        with closing(Reading()) as reading:
            text = b"".join(layout.copy_text(lambda size: source.read(min(size, chunk())), reading))
            rejects = csv.reader(io.StringIO("".join(reading.rejects_csv(1_000)), newline=""))
            self.full = [tuple(reject) for reject in rejects]
            self.read, self.blank, self.rejected = reading.read, reading.blank, reading.rejected
            self.warnings = dict(reading.warnings)
        self.rows = text.decode().removesuffix("\n").split("\n") if text else []
        if layout.keeps_lines:
            self.rows = [self._without_digest(row, content.split(b"\n")) for row in self.rows]
        self.rejects = [(int(line), column or None, code) for line, column, code, *_ in self.full]

    @staticmethod
    def _without_digest(row: str, lines: list[bytes]) -> str:
        number, found, cells = row.split("|", 2)
        assert int(found) == as_number(digest(lines[int(number) - 1].removesuffix(b"\r")))
        return f"{number}|{cells}"


def table(*lines: bytes) -> bytes:
    return b"\n".join((b"A|B|C", *lines))


def test_rows_keep_their_physical_line_numbers() -> None:
    parsed = Parsed(table(b"1|2|3", b"", b"4|5|6", b""))
    assert parsed.rows == ["2|1|2|3", "4|4|5|6"]
    assert (parsed.read, parsed.blank) == (3, 1)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_mark_make_no_difference(end: bytes, last: bytes, mark: bytes) -> None:
    assert Parsed(mark + b"A|B|C" + end + b"1|2|3" + end + "é|5|6".encode() + last).rows == ["2|1|2|3", "3|é|5|6"]


def test_mixed_line_ends_in_one_file_are_read() -> None:
    assert Parsed(b"A|B|C\r\n1|2|3\n4|5|6\r\n").rows == ["2|1|2|3", "3|4|5|6"]


def test_a_trailing_separator_is_one_empty_last_cell() -> None:
    parsed = Parsed(b"A|B|C|\n1|2|3|\n4|5|6\n7|8|\n7|8|9||\n")
    assert parsed.rows == ["2|1|2|3", "3|4|5|6", "4|7|8|"]
    assert parsed.rejects == [(5, None, "line.field_count")]


@pytest.mark.parametrize(
    ("line", "column", "code"),
    [
        (b"1|2", None, "line.field_count"),
        (b"1|2|3|4", None, "line.field_count"),
        (b"\\.", None, "line.field_count"),
        (b"1|2\x003|4", "B", "line.control_character"),
        (b"\x01|2|3", "A", "line.control_character"),
        (b"1|2|3\x7f", "C", "line.control_character"),
        (b"1|2\r3|4", "B", "line.control_character"),
        (b"1|2|3\r\r", "C", "line.control_character"),
        (b"1|\xef\xbb\xbf2|3", "B", "line.control_character"),
        (b"1|2|\xe9", "C", "line.encoding"),
        (b"1|2|" + b"x" * MAX_LINE, None, "line.too_long"),
        (b"1|" + b"x" * (MAX_VALUE + 1) + b"|3", "B", "value.too_long"),
        (b"1|2|" + "é".encode() * (MAX_VALUE // 2 + 1) + b"|", "C", "value.too_long"),
    ],
)
def test_a_line_that_cannot_be_used_is_rejected_with_its_place(line: bytes, column: str | None, code: str) -> None:
    parsed = Parsed(table(b"\xc3\xa9|1|2", line, b"3|4|5", b"6|7|8\n"))
    assert parsed.rejects == [(3, column, code)]
    assert parsed.rows == ["2|é|1|2", "4|3|4|5", "5|6|7|8"]


def test_a_reject_says_what_is_wrong_and_keeps_a_bounded_sample() -> None:
    parsed = Parsed(table(b"x" * 5_000))
    assert parsed.full[0][3] == "1 cells where the header has 3 columns"
    assert parsed.full[0][4] == "x" * 500


def test_a_line_of_ten_megabytes_costs_itself_alone() -> None:
    parsed = Parsed(table(b"1|2|3", b"x" * 10_000_000, b"4|5|6"))
    assert parsed.rejects == [(3, None, "line.too_long")]
    assert parsed.rows == ["2|1|2|3", "4|4|5|6"]


def test_a_line_of_a_million_columns_is_rejected() -> None:
    assert Parsed(table(b"|" * 1_000_000, b"4|5|6")).rejects == [(2, None, "line.too_long")]


def test_a_value_of_a_column_that_nobody_reads_may_be_long() -> None:
    layout = TableLayout(Header(SOURCE, ("A", "B", "C", "D"), ("a", "b", "c", "#4")))
    line = b"1|2|3|" + b"x" * (MAX_VALUE + 1)
    assert Parsed(b"A|B|C|D\n" + line, layout).rows == ["2|" + line.decode()]


def test_quotes_and_backslashes_mean_nothing_in_a_table() -> None:
    assert Parsed(table(b'"|\\n|a"b"')).rows == ['2|"|\\n|a"b"']


def test_a_file_that_is_not_utf_8_is_read_whole_as_cp1252_and_says_so() -> None:
    parsed = Parsed("A|B|C\nœuvre|é|\u2019\nü|1|2\n".encode("cp1252"))
    assert parsed.rows == ["2|œuvre|é|\u2019", "3|ü|1|2"]
    assert parsed.warnings == {"encoding.cp1252": 1}


def test_the_accents_of_the_header_decide_the_encoding() -> None:
    layout = TableLayout(Header(SOURCE, ("É", "B", "C"), ("a", "b", "c")))
    parsed = Parsed("É|B|C\n".encode() + b"\xe9|1|2\n", layout)
    assert parsed.rejects == [(2, "É", "line.encoding")]
    assert parsed.warnings == {}


def test_a_byte_that_cp1252_does_not_have_costs_its_line() -> None:
    assert Parsed(table(b"\xe9|1|2", b"1|\x81|2")).rejects == [(3, "B", "line.encoding")]


def test_a_cp1252_file_that_turns_to_utf_8_is_refused_with_both_lines() -> None:
    with pytest.raises(FileRefused, match="line 2 is not UTF-8 and line 4 is") as refused:
        Parsed(table(b"\xe9|1|2", b"1|2|3", "é|1|2".encode()))
    assert refused.value.code == "encoding.mixed"


def sites(*rows: str) -> bytes:
    return "\n".join(("finess;etalab;111;2026-05-12", *rows)).encode()


def site(*, number: str = "010000024", name: str = "CH", tail: str = "1979-02-13;1979-02-14;2020-02-04;") -> str:
    return f"structureet;{number};010780054;{name}" + ";" * 25 + tail


def finess(content: bytes) -> tuple[list[dict[str, str]], Parsed]:
    layout = FinessLayout("20260512")
    parsed = Parsed(content, layout)
    rows = csv.reader(parsed.rows, delimiter="|", quotechar="\x01")
    return [dict(zip(("line", *layout.fields), row, strict=True)) for row in rows], parsed


def test_the_finess_sample_is_read_by_position() -> None:
    rows, parsed = finess(files.SITES.read_bytes())
    assert (len(rows), parsed.rejects) == (6, [])
    assert rows[0] | {"line": "2", "finess": "010000024", "line6": "01440 VIRIAT", "opened": "1979-02-13"} == rows[0]


@pytest.mark.parametrize(
    ("tail", "opened"),
    [
        ("1979-02-13;1979-02-14;2020-02-04;", "1979-02-13"),
        ("1979-02-13;1979-02-14;2020-02-04", "1979-02-13"),
        ("0010001A;1979-02-13;1979-02-14;2020-02-04;", "1979-02-13"),
        (";1979-02-13;1979-02-14;2020-02-04;", "1979-02-13"),
        ("13/02/1979;14/02/1979;04/02/2020;0010001A;", "13/02/1979"),
        ("0010001A;;;04/02/2020;", ""),
        (";;2020-02-04;;", ""),
    ],
)
def test_the_extra_field_of_old_finess_copies_is_found_beside_the_dates(tail: str, opened: str) -> None:
    (row,), parsed = finess(sites(site(tail=tail)))
    assert row["opened"] == opened
    assert parsed.rejects == []


def test_finess_values_may_hold_quotes_separators_and_pipes() -> None:
    rows, _ = finess(
        sites(site(name='"CTRE ""LE BOIS"";ANNEXE"'), site(name='""""'), site(name='5" DE|BUREAU'), site(name='"A" B'))
    )
    assert [row["name"] for row in rows] == ['CTRE "LE BOIS";ANNEXE', '"', '5" DE|BUREAU', "A B"]


def test_an_unbalanced_quote_costs_its_line_alone() -> None:
    rows, parsed = finess(sites(site(), site(name='"OPEN'), site()))
    assert len(rows) == 2
    assert parsed.rejects == [(3, None, "line.quote")]


def test_a_finess_value_that_is_too_long_costs_its_line() -> None:
    rows, parsed = finess(sites(site(name="X" * MAX_VALUE), site(name="X" * (MAX_VALUE + 1))))
    assert [row["line"] for row in rows] == ["2"]
    assert parsed.rejects == [(3, "rs", "value.too_long")]


@pytest.mark.parametrize(
    ("row", "code"),
    [("structureet;1;2;3", "line.field_count"), ("geolocalisation;1;2;3;4;5;", "line.record_type")],
)
def test_a_finess_row_of_another_shape_is_rejected(row: str, code: str) -> None:
    _, parsed = finess(sites(row))
    assert [reject[2] for reject in parsed.rejects] == [code]


LINES = st.lists(
    st.one_of(
        st.sampled_from([b"1|2|3", b"", b"  ", "é|ü|œ".encode(), b"1|2", b"1|2|3|", b"1|2|3|4", b"\\.", b'"|"|"']),
        st.sampled_from([b"\x00|1|2", b"a\rb|1|2", b"1|\xff\xfe|3", b"x" * (MAX_LINE + 7), b"||", b"1|\x01|2"]),
        st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")),
    ),
    max_size=30,
)


@given(LINES, st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.integers(1, 1_000), st.randoms())
def test_every_line_is_accepted_rejected_or_blank_wherever_blocks_end(
    lines: list[bytes],
    end: bytes,
    is_ended: bool,  # noqa: FBT001 - a drawn value
    most: int,
    chance: random.Random,
) -> None:
    content = end.join(["É|B|C".encode(), *lines]) + (end if is_ended else b"")
    parsed = Parsed(content, chunk=lambda: chance.randint(1, most) if len(content) < 50_000 else 100_000)
    expected = lines if is_ended or not lines or lines[-1] else lines[:-1]
    assert parsed.read == len(expected) == len(parsed.rows) + parsed.rejected + parsed.blank
    numbers = {int(row.partition("|")[0]) for row in parsed.rows}
    assert len(numbers) == len(parsed.rows)
    assert not numbers & {line for line, *_ in parsed.rejects}
    for row in parsed.rows:
        number, _, cells = row.partition("|")
        original = expected[int(number) - 2].removesuffix(b"\r").decode()
        assert original in {cells, f"{cells}|"}


@given(st.binary(max_size=2_000))
def test_any_bytes_are_read_to_the_end_or_refused(content: bytes) -> None:
    try:
        parsed = Parsed(b"A|B|C\n" + content)
    except FileRefused:
        return
    assert parsed.read == len(parsed.rows) + parsed.rejected + parsed.blank


def test_memory_does_not_grow_with_the_file() -> None:
    blocks = itertools.chain([b"A|B|C\n"], itertools.repeat(b"1|%b|3\n" % (b"x" * 995) * 262, 100))
    with closing(Reading()) as reading:
        tracemalloc.start()
        for _ in TABLE.copy_text(lambda _: next(blocks, b""), reading):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert reading.read == 26_200
    assert peak < 5 << 20

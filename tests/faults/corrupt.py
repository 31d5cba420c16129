"""The corpus of corrupt files that somebody thought of, and what must become of each of them.

Each begins as a sample that is imported already, and keeps all of it that is not spoilt. What other tests show by
themselves is named in ELSEWHERE.
"""

import gzip
import io
import unicodedata
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.imports.test_mutations import VALID
from tests.imports.workbooks import SHEET, header_row, repacked, with_sheet

MAILBOXES, PERSONS, SITES = (VALID[name].read_bytes() for name in ("mailboxes", "persons", "sites"))
HEADER, SECOND, THIRD = MAILBOXES.split(b"\n")[:3]
MEGABYTE = 1 << 20
DTD = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><worksheet/>'
EMPTY_ROWS = "".join(f'<row r="{number}" ht="15"/>' for number in range(2, 1_048_577))


@dataclass(frozen=True)
class Refused:
    """Nothing of it is applied: the code, and what the reason names of its place."""

    code: str
    place: str


@dataclass(frozen=True)
class Imported:
    """Lines of these numbers are rejected with these codes; all others do what a file of them alone would do.

    `like`: a file that does the same, where it is another one than this without its rejected lines.
    """

    rejected: Mapping[int, str] = field(default_factory=dict)
    like: bytes | None = None


@dataclass(frozen=True)
class Case:
    """`made`: its bytes; `is_long`: it takes a second or more, and is tried with `make faults`."""

    made: Callable[[], bytes]
    expected: Refused | Imported
    is_long: bool = False


def zipped(**members: bytes) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_UP_", "../../"), content)
    return into.getvalue()


def in_third(old: str, new: str) -> bytes:
    """The mailboxes, the first of these letters in line 3 replaced."""
    return MAILBOXES.replace(THIRD, THIRD.replace(old.encode(), new.encode(), 1), 1)


def below_header(line: bytes) -> bytes:
    """The mailboxes with this line as number 2."""
    return HEADER + b"\n" + line + MAILBOXES.removeprefix(HEADER)


def shuffled() -> bytes:
    """The columns the other way round, in header and lines."""
    return b"\n".join(b"|".join(reversed(line.split(b"|"))) for line in MAILBOXES.split(b"\n"))


def in_cp1252(content: bytes) -> bytes:
    return content.decode().encode("cp1252")


SAME = Imported(like=MAILBOXES)
CASES: Mapping[str, Case] = {
    "nothing": Case(lambda: b"", Refused("file.empty", "corrupt")),
    "an error page": Case(lambda: b"<html><body>502 Bad Gateway</body></html>", Refused("file.unknown", "corrupt")),
    "UTF-16": Case(lambda: MAILBOXES.decode().encode("utf-16"), Refused("encoding.utf_16", "corrupt")),
    "cp1252": Case(lambda: in_cp1252(MAILBOXES), SAME),
    "latin-9": Case(lambda: MAILBOXES.decode().encode("iso8859-15"), SAME),
    "one line of cp1252 in UTF-8": Case(lambda: below_header(in_cp1252(SECOND)), Imported({2: "line.encoding"})),
    "UTF-8 below cp1252": Case(
        lambda: in_cp1252(HEADER + b"\n" + SECOND) + b"\n" + SECOND + b"\n", Refused("encoding.mixed", "line 3 is")
    ),
    "a BOM in the middle": Case(lambda: in_third("PER", "\ufeffPER"), Imported({3: "line.control_character"})),
    "NUL": Case(lambda: in_third("jean", "je\0an"), Imported({3: "line.control_character"})),
    "a line of 10 MB": Case(lambda: below_header(b"x" * 10_000_000), Imported({2: "line.too_long"})),
    "a header of a million columns": Case(
        lambda: b"|".join(b"c%d" % number for number in range(1_000_000)), Refused("header.too_long", "line 1")
    ),
    "a line of a million columns": Case(lambda: below_header(b"|" * 1_000_000), Imported({2: "line.too_long"})),
    "another delimiter": Case(lambda: MAILBOXES.replace(b"|", b"\t"), Refused("file.unknown", "columns")),
    "a quote that is not closed": Case(
        lambda: SITES.replace(b"970300026;970302022;", b'970300026;970302022;"', 1), Imported({4: "line.quote"})
    ),
    "quotes that swallow the file": Case(lambda: SITES.replace(b";", b';"', 40), Refused("file.unknown", "line 1")),
    "the header twice": Case(lambda: below_header(HEADER), Imported({2: "address.at_sign"})),
    "a column twice": Case(lambda: b"Adresse BAL|" + MAILBOXES, Refused("header.duplicate", "columns 1 and 3")),
    "columns shuffled": Case(shuffled, SAME),
    "mixed line ends": Case(lambda: MAILBOXES.replace(b"\n", b"\r\n", 2), SAME),
    "lone carriage returns": Case(
        lambda: MAILBOXES.replace(b"\n", b"\r"), Refused("header.control_character", "line 1")
    ),
    "right to left": Case(lambda: in_third("@", "\u202e@"), Imported({3: "address.ascii"})),
    "zero width": Case(lambda: in_third("@", "\u200b@"), Imported({3: "address.ascii"})),
    "a homoglyph": Case(lambda: in_third("jean", "je\u0430n"), Imported({3: "address.ascii"})),
    "names in NFD": Case(lambda: unicodedata.normalize("NFD", PERSONS.decode()).encode(), Imported()),
    "gz with garbage behind": Case(
        lambda: gzip.compress(MAILBOXES) + b"garbage" * 100, Refused("archive.damaged", "corrupt")
    ),
    "gz cut short": Case(lambda: gzip.compress(MAILBOXES)[:-20], Refused("archive.damaged", "corrupt")),
    "a bomb": Case(
        lambda: zipped(a=MAILBOXES + b" " * (300 * MEGABYTE)), Refused("archive.too_large", "corrupt: a"), is_long=True
    ),
    "a zip in a zip": Case(lambda: zipped(a=zipped(b=MAILBOXES)), Refused("archive.nested", "corrupt: a")),
    "a member above the folder": Case(lambda: zipped(_UP_etc=MAILBOXES), SAME),
    "RPPS as a number of a spreadsheet": Case(
        lambda: PERSONS.replace(b"8|99900000045|899900000045|", b"8|9,99E+10|8,999E+11|"),
        Imported({5: "national_id.form"}),
    ),
    "lost zeros": Case(lambda: SITES.replace(b"structureet;0", b"structureet;", 1), Imported({2: "finess.form"})),
    "a workbook with an external entity": Case(
        lambda: repacked({SHEET: DTD}), Refused("xlsx.forbidden", "sheet1.xml"), is_long=True
    ),
    "a workbook of 1,048,575 blank rows": Case(
        lambda: with_sheet(header_row() + EMPTY_ROWS), Imported(like=with_sheet(header_row())), is_long=True
    ),
}

ELSEWHERE: Mapping[str, str] = {
    "bytes flipped, lines cut, cells shuffled, encodings mixed, noise": "tests/imports/test_mutations.py::"
    "test_a_damaged_file_costs_its_lines_or_is_refused_with_its_place_and_changes_nothing_else",
    "any bytes": "tests/imports/test_parse.py::test_any_bytes_are_read_to_the_end_or_refused",
    "zips cut anywhere": "tests/imports/test_receive.py::test_a_truncated_zip_is_refused",
    "archives with flipped bytes": "tests/imports/test_receive.py::test_a_damaged_archive_gives_its_text_or_is_refused",
    "a member above the folder writes nowhere": "tests/imports/test_receive.py::"
    "test_a_member_that_climbs_out_of_its_folder_writes_nowhere",
    "dates of 1900 and 1904 (a date is never taken for a text)": "tests/imports/test_spreadsheet.py::"
    "test_what_is_no_text_says_what_it_is",
    "two cells a million rows apart": "tests/imports/test_spreadsheet.py::"
    "test_a_sheet_that_would_fill_the_memory_is_refused_and_nothing_else_is_hurt",
    "any damage of a workbook": "tests/imports/test_spreadsheet.py::test_any_mutation_is_read_or_refused",
}

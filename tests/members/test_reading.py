"""A network's file of members: encodings, lines and cells."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.console import Refused
from app.members.left_out import LeftOut
from app.members.reading import LONGEST_LINE, MemberFile, opened


def a_file(folder: Path, content: str | bytes) -> MemberFile:
    path = folder / "members.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return opened(path)


def cells(file: MemberFile) -> list[dict[str, str] | str]:
    """The cells of each line, or the code that it is left out with."""
    found: list[dict[str, str] | str] = []
    for row in file.rows():
        try:
            found.append(file.cells(row))
        except LeftOut as why:
            found.append(why.code)
    return found


@pytest.mark.parametrize(
    "content",
    [
        "adresse;nom\nà@b.fr;Élise\n",
        "\ufeffadresse;nom\r\nà@b.fr;Élise\r\n",
        "adresse;nom\r\nà@b.fr;Élise".encode("cp1252"),
        "adresse;nom\n\n ;  \nà@b.fr;  \xa0Élise ;\n;;",
        'adresse;nom\n"à@b.fr";"Élise"',
    ],
)
def test_a_text_is_read_however_it_was_saved(tmp_path: Path, content: str | bytes) -> None:
    file = a_file(tmp_path, content)
    assert cells(file) == [{"address": "à@b.fr", "family": "Élise"}]
    assert file.lines == 1


def test_lines_keep_their_physical_numbers(tmp_path: Path) -> None:
    file = a_file(tmp_path, "adresse\n\na@b.fr\n\n\nc@d.fr\n")
    assert [row.number for row in file.rows()] == [3, 6]
    assert file.domains == {"b.fr", "d.fr"}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("a@b.fr", "line.field_count"),
        ("a@b.fr;A;more", "line.field_count"),
        ('a@b.fr;"A', "line.quote"),
        ('a@b.fr;"A"B', "line.quote"),
        ("a@b.fr;A\x07", "line.control_character"),
        ("a@b.fr;A\ufffd", "line.encoding"),
        (f"a@b.fr;{'A' * LONGEST_LINE}", "line.too_long"),
    ],
)
def test_a_line_that_is_none_costs_itself_alone(tmp_path: Path, line: str, code: str) -> None:
    file = a_file(tmp_path, f"adresse;nom\n{line}\nc@d.fr;C\n")
    assert cells(file) == [code, {"address": "c@d.fr", "family": "C"}]


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"PK\x03\x04\x00", "adresse;nom\na@b.fr;Élise\n".encode() + b"c@d.fr;\xc9lise\n"],
)
def test_what_is_no_text_publishes_nobody(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        a_file(tmp_path, content)
    assert refusal.value.code == "members.file"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400))
def test_no_bytes_are_too_strange(tmp_path: Path, content: bytes) -> None:
    """Each line is read, or left out with a code; nothing else is raised."""
    path = tmp_path / "any.csv"
    path.write_bytes(b"adresse;nom;service\n" + content)
    try:
        file = opened(path)
    except Refused:
        return
    assert len(cells(file)) == file.lines


PLAIN = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(PLAIN, PLAIN), max_size=5), delimiter=st.sampled_from(";,|\t"))
def test_cells_come_back_as_a_spreadsheet_wrote_them(
    tmp_path: Path, rows: list[tuple[str, str]], delimiter: str
) -> None:
    kept = [row for row in rows if "".join(row).strip(" \t;,|") and "\ufffd" not in "".join(row)]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([("adresse", "nom"), *kept])
    file = a_file(tmp_path, out.getvalue())
    expected = [{"address": " ".join(a.split()), "family": " ".join(b.split())} for a, b in kept]
    # A line of nothing but spaces and delimiters is blank, whatever spaces these are.
    assert [each for each in cells(file) if each != {"address": "", "family": ""}] == [
        each for each in expected if each != {"address": "", "family": ""}
    ]

"""Rejected lines come back in the shape of their file: corrected, the same file is taken."""

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db import connect
from app.imports.receive import receive
from app.imports.recognise import recognise
from app.imports.rejects import Reject, Shape, shape_of
from app.imports.report import Report
from app.imports.sentences import FILES, LINES, bilingual
from app.imports.verdict import VERDICT
from app.settings import Settings
from tests.docs import test_operations
from tests.docs.markdown import ROOT
from tests.imports import files
from tests.imports.files import run_one, written, zipped

HEAD, FIRST, SECOND, *REST = files.MAILBOXES.read_text("utf-8").splitlines()
ADDRESS = FIRST.split("|")[HEAD.split("|").index("Adresse BAL")]
BAD = FIRST.replace("@", "#")
DELTA = "operation;kind;address;type;organization;service\r\n"
SITES = files.SITES.read_text("utf-8").splitlines()


def rejects_of(report: Report) -> str:
    assert report.rejects is not None
    return Path(report.rejects).read_bytes().decode()


def mailboxes(folder: Path, *rows: str, head: str = HEAD, name: str = "mailboxes.txt") -> Path:
    return written(folder, name, "\n".join([head, *rows]).encode())


def test_a_line_comes_back_with_its_number_code_and_two_sentences(settings: Settings, tmp_path: Path) -> None:
    report = run_one(settings, mailboxes(tmp_path, SECOND, BAD, "", "short|line", *REST))
    head, bad, short = rejects_of(report).splitlines()
    assert head == f"{HEAD}|reject_line|reject_code|reject_message"
    assert bad.startswith(f"{BAD}|3|address.at_sign|L'adresse ne contient pas exactement un @ / address ")
    assert short.startswith(
        "short|line|5|line.field_count|Le nombre de cellules n'est pas celui de l'en-tête / 2 cells"
    )
    assert Path(report.rejects or "").suffix == ".txt"


def test_a_corrected_file_of_rejects_is_taken_as_it_is(settings: Settings, tmp_path: Path) -> None:
    report = run_one(settings, mailboxes(tmp_path, BAD))
    path = written(tmp_path, "again.txt", rejects_of(report).replace(BAD, FIRST).encode())
    again = run_one(settings, path)
    assert (again.state, again.rejected, again.diff["create"]) == ("applied", 0, 1)


def test_what_is_still_wrong_comes_back_once_not_twice(settings: Settings, tmp_path: Path) -> None:
    first = rejects_of(run_one(settings, mailboxes(tmp_path, SECOND, BAD)))
    again = rejects_of(run_one(settings, written(tmp_path, "again.txt", first.encode()), accept=("shrink",)))
    assert again == first.replace("|3|", "|2|")


@pytest.mark.parametrize("trailing", ["", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_ends_of_lines_are_those_of_the_file(settings: Settings, tmp_path: Path, trailing: str, end: str) -> None:
    path = written(tmp_path, "x.txt", "".join(f"{line}{trailing}{end}" for line in (HEAD, SECOND, BAD)).encode())
    text = rejects_of(run_one(settings, path))
    assert text.count(end) == 2
    assert text.startswith(f"{HEAD}|reject_line|")
    assert f"{end}{BAD}|3|address.at_sign|" in text


def test_a_byte_order_mark_stays_and_another_encoding_becomes_utf_8(settings: Settings, tmp_path: Path) -> None:
    accented = BAD.replace("|PER|", "|PÉR|")
    marked = written(tmp_path, "x.txt", f"{HEAD}\n{SECOND}\n{accented}".encode("utf-8-sig"))
    assert rejects_of(run_one(settings, marked)).startswith("\ufeff" + HEAD)
    old = written(tmp_path, "y.txt", f"{HEAD}\n{accented}\n{SECOND}".encode("cp1252"))
    assert f"\n{accented}|2|" in rejects_of(run_one(settings, old, accept=("older_file",)))


def test_what_cannot_be_decoded_is_seen(settings: Settings, tmp_path: Path) -> None:
    body = f"{HEAD}\n{SECOND}\né".encode() + b"\n" + FIRST.encode() + b"\xe9\n"
    text = rejects_of(run_one(settings, written(tmp_path, "x.txt", body)))
    assert f"\n{FIRST}\ufffd|4|line.encoding|" in text


def test_lines_of_a_file_inside_a_zip_come_back_too(settings: Settings, tmp_path: Path) -> None:
    path = zipped(tmp_path, "x.zip", {"mailboxes.txt": f"{HEAD}\n{SECOND}\n{BAD}".encode()})
    assert f"\n{BAD}|3|address.at_sign|" in rejects_of(run_one(settings, path))


def test_a_row_of_an_admins_file_comes_back_quoted_and_is_taken_when_corrected(
    settings: Settings, tmp_path: Path
) -> None:
    run_one(settings, files.SITES)
    finess = SITES[1].split(";")[1]
    run_one(settings, files.SHORT_LIST)
    with_domain = f"create;mailbox;accueil@{_domain(settings)};ORG;{finess};"
    rows = [f'{with_domain}"Accueil; nuit"', f'{with_domain}"Accueil"'.replace("@", "#")]
    report = run_one(settings, written(tmp_path, "delta.csv", (DELTA + "\r\n".join(rows)).encode("utf-8-sig")))
    assert (report.state, report.rejected) == ("applied", 1)
    text = rejects_of(report)
    head, row = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=";")
    assert head == [*DELTA.strip().split(";"), *VERDICT]
    assert row[-3:-1] == ["3", "address.at_sign"]
    again = run_one(settings, written(tmp_path, "again.csv", text.replace("accueil#", "autre@").encode()))
    assert (again.state, again.rejected, again.diff["create"]) == ("applied", 0, 1)


def _domain(settings: Settings) -> str:
    with connect(settings) as connection:
        row = connection.execute("SELECT min(name) FROM domain").fetchone()
    assert row
    return str(row[0])


def test_a_row_of_finess_comes_back_without_labels_and_is_taken_when_corrected(
    settings: Settings, tmp_path: Path
) -> None:
    wrong = SITES[1].replace(SITES[1].split(";")[1], "12", 1)
    path = written(tmp_path, "etalab.csv", "\n".join([SITES[0], *SITES[2:], wrong]).encode())
    text = rejects_of(run_one(settings, path))
    head, row = text.splitlines()
    assert head == SITES[0]
    assert row.startswith(f"{wrong.rstrip(';')};{len(SITES)};finess.form;")
    corrected = written(tmp_path, "again.csv", text.replace(wrong.rstrip(";"), SITES[1].rstrip(";")).encode())
    again = run_one(settings, corrected, accept=("shrink",))
    assert (again.state, again.rejected, again.accepted) == ("applied", 0, 1)


def test_a_table_of_codes_comes_back_with_all_its_heads(settings: Settings, tmp_path: Path) -> None:
    heads = [
        "<OID>;<Type fichier>;<Nom fichier>",
        "1.2.3;TRE;TRE_R23-ModeExercice.tabs",
        "<OID>;<Code>;<Libellé adapté>",
    ]
    path = written(tmp_path, "TRE_R23.tabs", "\n".join([*heads, "1.2.3;S;Salarié", "1.2.3;;Sans code"]).encode())
    text = rejects_of(run_one(settings, path))
    assert text.splitlines()[:2] == heads[:2]
    assert text.splitlines()[2] == f"{heads[2]};reject_line;reject_code;reject_message"
    assert text.splitlines()[3].startswith("1.2.3;;Sans code;5;code.missing;Le code manque / ")
    again = run_one(settings, written(tmp_path, "TRE_R23-b.tabs", text.replace(";;Sans", ";Z;Sans").encode()))
    assert (again.state, again.rejected) == ("applied", 0)


def test_entries_of_the_white_list_come_as_a_table(settings: Settings, tmp_path: Path) -> None:
    content = files.SHORT_LIST.read_text("utf-8")
    broken = re.sub(r"<((?:\w+:)?)Nom>[^<]+<", r"<\1Nom>=no domain<", content, count=1)
    report = run_one(settings, written(tmp_path, "list.xml", broken.encode()))
    rows = list(csv.DictReader(io.StringIO(rejects_of(report), newline="")))
    assert [(row["code"], list(row)) for row in rows] == [("domain.form", ["line", "code", "message", "content"])]
    assert rows[0]["content"].startswith("'=no domain")
    assert rows[0]["message"].startswith("Le nom de domaine n'est pas valide / ")


def test_a_file_without_rejects_leaves_none(settings: Settings, tmp_path: Path) -> None:
    assert run_one(settings, mailboxes(tmp_path, FIRST)).rejects is None
    assert not (tmp_path / "rejects").exists()


@pytest.mark.parametrize("path", [files.PERSONS, files.OTHER_CLOTHES, files.MAILBOXES, files.SKILLS, files.SITES])
def test_the_head_of_a_file_of_rejects_is_recognised_as_the_same_source(path: Path, tmp_path: Path) -> None:
    layout = recognise(receive(path)[0])
    shape = shape_of(layout)
    assert shape is not None
    head = shape.header(path.read_text("utf-8-sig").splitlines()[: shape.head])
    again = recognise(receive(written(tmp_path, path.name, "\n".join([*head, ""]).encode()))[0])
    assert again.source.name == layout.source.name


@given(
    st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"])), min_size=1),
    st.text(max_size=800),
)
def test_a_row_keeps_its_cells_whatever_the_sentence_says(cells: list[str], detail: str) -> None:
    line = "|".join(cell.replace("|", "") for cell in cells)
    row = Shape("|", 1_000).row(line, Reject(7, "type.unknown", detail))
    assert row.startswith(f"{line}|7|type.unknown|")
    assert row.count("|") == line.count("|") + 3
    assert "\n" not in row.removeprefix(line)


def test_every_code_of_a_line_or_a_file_has_a_french_sentence() -> None:
    explained = test_operations.OPERATIONS.read_text("utf-8")
    for title, sentences in (("### Reject codes", LINES), ("### Codes of a refused file", FILES)):
        table = explained.split(title)[1].split("\n#")[0]
        first_cells = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
        codes = {code for cell in first_cells for code in re.findall(rf"`({test_operations.CODE.pattern})`", cell)}
        assert len(codes) > 20
        assert codes - set(sentences) == set()
    sources = [*(ROOT / "app" / "imports" / "sources").glob("*.reject.sql"), *(ROOT / "app" / "imports").glob("*.py")]
    given_by = re.compile(rf"""(?:ARRAY\['\w+', '|BadLine\(\s*"|FileRefused\(\s*")({test_operations.CODE.pattern})""")
    raised = {code for path in sources for code in given_by.findall(path.read_text("utf-8"))}
    assert {"line.field_count", "type.unknown", "file.empty"} <= raised
    assert raised - {*LINES, *FILES} == set()


def test_a_sentence_breaks_no_table() -> None:
    for code in (*LINES, *FILES):
        assert not set('|;\t\n"') & set(bilingual(code, ""))


def test_a_code_without_a_sentence_is_a_fault() -> None:
    with pytest.raises(KeyError):
        bilingual("new.code", "…")

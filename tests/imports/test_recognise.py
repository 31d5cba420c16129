"""Recognition by content, and files that are nothing or not enough."""

from pathlib import Path

import pytest

from app.imports.header import normalised
from app.imports.layouts import FinessLayout, TableLayout
from app.imports.reading import Layout, missing_fields
from app.imports.receive import receive
from app.imports.recognise import recognise
from app.imports.refusal import FileRefused
from tests.imports import files
from tests.imports.files import written

HEADERS = files.DATA / "headers"


def recognised(folder: Path, content: bytes, name: str = "x.bin") -> Layout:
    return recognise(receive(written(folder, name, content))[0])


def refusal(folder: Path, content: bytes) -> FileRefused:
    with pytest.raises(FileRefused) as refused:
        recognised(folder, content)
    return refused.value


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (files.PERSONS, "personne_activite"),
        (files.OTHER_CLOTHES, "personne_activite"),
        (files.OLD_PERSONS, "personne_activite"),
        (files.SKILLS, "savoir_faire"),
        (files.DIPLOMAS, "dipl_aut_exerc"),
        (files.MAILBOXES, "mssante"),
        (files.SITES, "finess"),
        (files.SHORT_LIST, "liste_blanche"),
        (files.FULL_LIST, "liste_blanche"),
        (files.CUT_LIST, "liste_blanche"),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else value,
)
def test_each_sample_is_recognised_under_any_name(tmp_path: Path, path: Path, source: str) -> None:
    assert recognised(tmp_path, path.read_bytes(), "export.dat").source.name == source


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("PS_LibreAcces_Personne_activite.txt", set()),
        ("PS_LibreAcces_Personne_activite.trailing_pipe.txt", set()),
        ("PS_LibreAcces_Personne_activite.2021-2023_52col.txt", {"role", "role_label", "kind", "kind_label"}),
    ],
)
def test_older_layouts_lack_columns_and_say_which(tmp_path: Path, name: str, missing: set[str]) -> None:
    layout = recognised(tmp_path, (HEADERS / name).read_bytes())
    assert layout.source.name == "personne_activite"
    assert missing_fields(layout) == missing


def test_the_oldest_layout_is_known(tmp_path: Path) -> None:
    layout = recognised(tmp_path, (HEADERS / "PS_LibreAcces_Personne_activite.2018-2020_48col.txt").read_bytes())
    assert missing_fields(layout) >= {"sector", "pharmacist_section", "role", "kind"}


@pytest.mark.parametrize("ending", [".txt", ".trailing_pipe.txt"])
def test_the_skills_are_not_taken_for_persons(tmp_path: Path, ending: str) -> None:
    layout = recognised(tmp_path, (HEADERS / f"PS_LibreAcces_SavoirFaire{ending}").read_bytes())
    assert layout.source.name == "savoir_faire"


@pytest.mark.parametrize("ending", [".txt", ".trailing_pipe.txt"])
def test_the_diplomas_are_not_taken_for_skills(tmp_path: Path, ending: str) -> None:
    layout = recognised(tmp_path, (HEADERS / f"PS_LibreAcces_Dipl_AutExerc{ending}").read_bytes())
    assert layout.source.name == "dipl_aut_exerc"
    assert missing_fields(layout) == frozenset()


def test_columns_are_found_in_any_order_with_unknown_ones_between(tmp_path: Path) -> None:
    labels = files.SKILLS.read_text("utf-8").splitlines()[0].split("|")
    layout = recognised(tmp_path, "|".join(["Nouvelle colonne", *reversed(labels)]).encode())
    assert layout.source.name == "savoir_faire"
    assert layout.fields[0] == "#1"
    assert layout.labels["national_id"] == "Identification nationale PP"


def test_labels_are_compared_without_accents_case_and_kind_of_apostrophe() -> None:
    assert normalised("  Libellé  Civilité d\u2019EXERCICE ") == "libelle civilite d'exercice"


def test_a_file_without_a_needed_column_is_refused_by_its_name(tmp_path: Path) -> None:
    text = files.PERSONS.read_text("utf-8").replace("Numéro FINESS site", "Autre chose")
    refused = refusal(tmp_path, text.encode())
    assert refused.code == "header.column_missing"
    assert "personne_activite" in refused.detail
    assert "numero finess site" in refused.detail


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    text = files.SKILLS.read_text("utf-8").replace("Nom d'exercice", "Code savoir-faire")
    refused = refusal(tmp_path, text.encode())
    assert refused.code == "header.duplicate"
    assert "columns 4 and 12" in refused.detail


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file.empty"),
        (b"just a letter to the editor\n", "file.unknown"),
        (files.SKILLS.read_bytes().replace(b"|", b","), "file.unknown"),
        (b"<html><body>429 Too Many Requests</body></html>", "file.unknown"),
        (b'<?xml version="1.0"?><ListeBlancheMSSante xmlns="https://example.org/other"/>', "file.unknown"),
        (b"finess;etalab;1;2026-05-12\ngeolocalisation;010000024;1;2;x;2026\n", "file.unknown"),
        (files.SKILLS.read_text("utf-8").encode("utf-16"), "encoding.utf_16"),
        (b"a" * 200_000, "header.too_long"),
        (b"|" * 60_000, "header.too_wide"),
        (b"|" * 1_000_000, "header.too_long"),
        (b"PK\x03\x04rest", "archive.damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_national_file_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    assert refusal(tmp_path, content).code == code


def test_a_refusal_says_what_was_found_and_what_is_expected(tmp_path: Path) -> None:
    detail = refusal(tmp_path, b"Nom;Ville\nX;Y\n").detail
    assert "Nom;Ville" in detail
    assert "Extraction_Correspondance_MSSante" in detail
    assert "separated by '|'" in detail


def test_an_archive_in_an_archive_is_refused(tmp_path: Path) -> None:
    inner = files.zipped(tmp_path, "inner.zip", {"a.txt": files.SKILLS.read_bytes()}).read_bytes()
    with pytest.raises(FileRefused, match="archive inside an archive"):
        recognise(receive(files.zipped(tmp_path, "outer.zip", {"inner.zip": inner}))[0])


def test_stamps_come_from_the_content_where_it_has_one(tmp_path: Path) -> None:
    assert recognised(tmp_path, files.SITES.read_bytes()).stamp == "20260512"
    assert recognised(tmp_path, files.full_list()).stamp == "202503131454"
    named = recognised(tmp_path, files.MAILBOXES.read_bytes(), "Extraction_202608260215.txt")
    assert isinstance(named, TableLayout)
    assert named.stamp == "202608260215"


def test_a_finess_file_without_rows_is_still_one(tmp_path: Path) -> None:
    assert isinstance(recognised(tmp_path, b"finess;etalab;111;2026-05-12\n"), FinessLayout)

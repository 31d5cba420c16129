"""Names decide nothing: those of data.gouv, those of the register's zip, and none at all give the same."""

from pathlib import Path

import pytest

from app.imports.inputs import inputs_of
from app.imports.reading import missing_fields
from tests.imports import files
from tests.imports.files import zipped

HEADERS = files.DATA / "headers"
DATA_GOUV = {
    "ps-libreacces-personne-activite.txt": (files.PERSONS, "personne_activite"),
    "ps-libreacces-savoirfaire.txt": (files.SKILLS, "savoir_faire"),
    "ps-libreacces-dipl-autexerc.txt": (files.DIPLOMAS, "dipl_aut_exerc"),
    "extraction-correspondance-mssante.txt": (files.MAILBOXES, "mssante"),
    "finess-structures-1": (files.SAMPLES / "finess-structures-SYNTHETIC.json", "finess"),
    "etalab-cs1100502-stock-20260512.csv": (files.SITES, "finess"),
    "fffda7e9-0ea2-4c35-bba0-4496f3af935d": (files.PERSONS, "personne_activite"),
}


def sources(path: Path) -> list[str]:
    return [each.layout.source.name if each.layout else str(each.refused) for each in inputs_of(path)]


@pytest.mark.parametrize("name", DATA_GOUV)
def test_the_names_of_data_gouv_are_read(tmp_path: Path, name: str) -> None:
    content, source = DATA_GOUV[name]
    assert sources(files.written(tmp_path, name, content.read_bytes())) == [source]


@pytest.mark.parametrize("is_reversed", [False, True])
def test_the_zip_of_the_register_is_read_in_any_order_and_wholly(tmp_path: Path, *, is_reversed: bool) -> None:
    stamp = "_202609230215.txt"
    members = [
        (f"PS_LibreAcces_Personne_activite{stamp}", files.PERSONS),
        (f"PS_LibreAcces_SavoirFaire{stamp}", files.SKILLS),
        (f"PS_LibreAcces_Dipl_AutExerc{stamp}", files.DIPLOMAS),
    ]
    ordered = dict(reversed(members) if is_reversed else members)
    path = zipped(tmp_path, "PS_LibreAcces.zip", {name: sample.read_bytes() for name, sample in ordered.items()})
    inputs = inputs_of(path)
    assert sorted(sources(path)) == ["dipl_aut_exerc", "personne_activite", "savoir_faire"]
    assert all(each.left_out == () and each.layout and each.layout.stamp == "202609230215" for each in inputs)


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("PS_LibreAcces_Personne_activite.2018-2020_48col.txt", 48),
        ("PS_LibreAcces_Personne_activite.2021-2023_52col.txt", 52),
        ("PS_LibreAcces_Personne_activite.txt", 56),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_every_layout_of_the_register_is_read_in_every_encoding(
    tmp_path: Path, header: str, columns: int, encoding: str
) -> None:
    labels = (HEADERS / header).read_text("utf-8").strip().rstrip("|")
    assert len(labels.split("|")) == columns
    (each,) = inputs_of(files.written(tmp_path, "ps-libreacces-personne-activite.txt", labels.encode(encoding)))
    assert each.layout
    assert each.layout.source.name == "personne_activite"
    known = len(each.layout.source.columns) - len(missing_fields(each.layout))
    assert known + sum(field.startswith("#") for field in each.layout.fields) == columns

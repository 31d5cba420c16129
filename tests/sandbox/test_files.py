"""The generated files are the official formats, byte for byte where it matters."""

import csv
import gzip
import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from defusedxml import ElementTree

from app.identifiers import Finess, InvalidIdentifier, MailboxAddress, NationalId, Rpps, Siren, Siret
from app.sandbox.generate import Generated, generate
from tests.sandbox.conftest import lines_of, rows_of

DATA = Path(__file__).parents[1] / "data"
WHITELIST = "{https://listeblanche.mssante.fr/schema}"


def digest(generated: Generated) -> list[str]:
    return [file.path.name + hashlib.sha256(file.path.read_bytes()).hexdigest() for file in generated.files]


@pytest.mark.parametrize("next_day", [False, True])
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, *, next_day: bool) -> None:
    first = generate(300, 5, tmp_path / "a", next_day=next_day)
    again = generate(300, 5, tmp_path / "b", next_day=next_day)
    assert digest(first) == digest(again)


def test_the_bytes_are_those_of_every_process(tmp_path: Path, tiny: Generated) -> None:
    code = "import sys, pathlib; from app.sandbox.generate import generate; generate(200, 1, pathlib.Path(sys.argv[1]))"
    environment = os.environ | {"PYTHONHASHSEED": "4321", "LC_ALL": "C"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment, timeout=120)
    for file in tiny.files:
        assert (tmp_path / file.path.name).read_bytes() == file.path.read_bytes()


def test_files_are_named_by_the_stamp_of_their_day(tiny: Generated) -> None:
    assert [file.path.name for file in tiny.files] == [
        "listeblanchemssante.xml",
        "etalab-cs1100502-202609230200.csv",
        "PS_LibreAcces_Personne_activite_202609230200.txt",
        "PS_LibreAcces_SavoirFaire_202609230200.txt",
        "Extraction_Correspondance_MSSante_202609230200.txt",
    ]


def test_another_seed_gives_other_data_of_the_same_sizes(tmp_path: Path, tiny: Generated) -> None:
    other = generate(200, 2, tmp_path)
    for ours, theirs in zip(tiny.files, other.files, strict=True):
        assert ours.path.read_bytes() != theirs.path.read_bytes()
    assert other.finess.rows == tiny.finess.rows


@pytest.mark.parametrize("professionals", [0, 49, 5_000_001])
def test_a_number_out_of_range_is_refused_before_any_file(tmp_path: Path, professionals: int) -> None:
    with pytest.raises(ValueError, match="between 50 and 5000000"):
        generate(professionals, 1, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_cut_short_leaves_no_file(tmp_path: Path) -> None:
    def interrupt(_done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(6_000, 1, tmp_path, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "header", "columns"),
    [
        ("activity", "PS_LibreAcces_Personne_activite.txt", 56),
        ("skills", "PS_LibreAcces_SavoirFaire.txt", 13),
        ("mailboxes", "Extraction_Correspondance_MSSante.txt", 31),
    ],
)
def test_headers_are_the_official_bytes_and_every_line_has_their_columns(
    small: Generated, file: str, header: str, columns: int
) -> None:
    made = getattr(small, file)
    official = (DATA / "headers" / header).read_bytes()
    assert made.path.read_bytes().startswith(official)
    lines = lines_of(made.path)
    assert made.rows == len(lines) - 1
    assert {line.count("|") + 1 for line in lines} == {columns}
    assert not [line for line in lines if re.search(r"[\x00-\x1f\x7f]", line)]


def test_finess_lines_are_the_stock_without_column_names(small: Generated) -> None:
    with small.finess.path.open(encoding="utf-8", newline="") as stream:
        head, *sites = csv.reader(stream, delimiter=";")
    assert head == ["finess", "etalab", "111", "2026-09-23"]
    assert small.finess.rows == len(sites)
    assert {len(site) for site in sites} == {32}
    assert {(site[0], site[31]) for site in sites} == {("structureet", "")}
    assert any('"' in site[4] for site in sites)
    for site in sites:
        assert Finess.parse(site[1], check=True)
        assert Finess.parse(site[2], check=True)
        assert re.fullmatch(r"[0-9]{3}", site[12])
        if site[22]:
            assert Siret.parse(site[22], check=True)
    assert len({site[1] for site in sites}) == len(sites)


def test_person_identifiers_pass_their_check_save_a_very_few(small: Generated) -> None:
    failing = 0
    for row in rows_of(small.activity.path):
        national = NationalId.parse(row[2])
        assert row[0] + row[1] == row[2]
        failing += not national.has_valid_check_digit
        if national.rpps:
            assert Rpps.parse(row[1]).startswith("999")
    assert 1 <= failing <= 10


def test_structure_identifiers_agree_with_each_other_and_with_finess(small: Generated) -> None:
    finess = {line.split(";")[1]: line.split(";") for line in lines_of(small.finess.path)[1:]}
    wrong = 0
    for row in rows_of(small.activity.path):
        siret, siren, site, legal, technical, former = *row[19:24], row[46]
        if siret:
            wrong += not Siret.parse(siret).has_valid_check_digit
            assert Siren.parse(siren, check=True) == siret[:9]
        match technical[:1]:
            case "F":
                assert (technical, former) == (f"F{site}", f"1{site}")
                assert finess[site][2] == legal
                assert finess[site][22] == siret
            case "C":
                assert (technical, former, site) == (f"C{siret}", f"3{siret}", "")
            case "R":
                assert re.fullmatch(r"R[0-9]{14}", technical)
                assert former[0] in "40"
                assert row[1] in former
            case _:
                assert not any(row[19:24])
    assert wrong <= small.activity.rows // 1_000


def test_skills_agree_with_the_activity_file(small: Generated) -> None:
    in_activity = {(row[2], *row[9:17]) for row in rows_of(small.activity.path) if row[15]}
    in_skills = [(row[2], *row[5:13]) for row in rows_of(small.skills.path)]
    assert len(in_skills) == len(set(in_skills))
    assert set(in_skills) == in_activity


def test_mailbox_lines_reference_known_people_and_structures(small: Generated) -> None:
    people = {row[2] for row in rows_of(small.activity.path)}
    finess = {f"1{line.split(';')[1]}" for line in lines_of(small.finess.path)[1:]}
    companies = {f"3{row[19]}" for row in rows_of(small.activity.path) if row[23].startswith("C")}
    strangers = []
    for row in rows_of(small.mailboxes.path):
        assert MailboxAddress.parse(row[1])
        if row[0] == "PER":
            strangers += [row[2:5]] if row[4] not in people else []
        else:
            assert row[0] == "ORG"
            assert not any(row[2:5] + row[8:17])
            assert row[6]
        match row[5]:
            case "1":
                assert row[6] in finess
            case "3":
                assert row[6] in companies
            case _:
                assert not any(row[5:7] + row[18:31])
    assert strangers == [["8", "99999999990", "899999999990"]]


def test_the_white_list_follows_its_schema(small: Generated) -> None:
    root = ElementTree.fromstring(small.whitelist.path.read_bytes())
    assert root.tag == f"{WHITELIST}ListeBlancheMSSante"
    entries = root.findall(f"{WHITELIST}ListeDomaines/{WHITELIST}Domaine")
    assert small.whitelist.rows == len(entries)
    tags = ["Nom", "Description", "DNCertificatOperateur", "ResponsableContact", "SupportContact", "DateMAJ"]
    names: Counter[str] = Counter()
    units: set[tuple[str, str]] = set()
    for entry in entries:
        assert [child.tag.removeprefix(WHITELIST) for child in entry] == tags
        assert all(child.text for child in entry)
        name, dn = str(entry[0].text), str(entry[2].text)
        unit = re.search(r"OU=([0-9]+),", dn)
        assert unit
        assert (Siret if unit[1][0] == "3" else Finess).parse(unit[1][1:], check=True)
        names[name.lower()] += 1
        units.add((name.lower(), unit[1]))
    owners = Counter(name for name, _ in units)
    assert 0.04 < sum(count > 1 for count in owners.values()) / len(owners) < 0.13
    assert sum(names.values()) > len(units)  # a repeated pair, as in the field
    used = {row[1].split("@")[1].lower() for row in rows_of(small.mailboxes.path)}
    assert used - set(names) == {"hors-liste-exemple.mssante.fr"}


def test_no_generated_domain_is_a_real_one(small: Generated) -> None:
    with gzip.open(DATA / "whitelist" / "listeblanchemssante.full.xml.gz", "rt", encoding="utf-8") as stream:
        real = set(re.findall(r"<nom>([^<]+)</nom>", stream.read().lower()))
    ours = set(re.findall(r"<nom>([^<]+)</nom>", small.whitelist.path.read_text("utf-8").lower()))
    assert len(real) > 5_000
    assert ours
    assert not ours & real


def test_every_identifier_of_mailboxes_has_the_right_form(small: Generated) -> None:
    for row in rows_of(small.mailboxes.path):
        kind: dict[str, type[Finess | Siret]] = {"1": Finess, "3": Siret}
        try:
            if row[5]:
                kind[row[5]].parse(row[6][1:])
            if row[4]:
                NationalId.parse(row[4])
        except InvalidIdentifier as wrong:
            pytest.fail(f"{row[1]}: {wrong}")

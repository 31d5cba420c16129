"""Shares and special cases: what makes the data worth testing with."""

from collections import Counter
from math import isclose

import pytest

from app.sandbox.domains import ANCHORS, NATIONAL_DOMAINS, size_at
from app.sandbox.generate import Generated
from app.sandbox.places import OVERSEAS_SHARE
from app.sandbox.specials import LONG_SERVICE
from tests.sandbox.conftest import SMALL, lines_of, rows_of


def has_accent(text: str) -> bool:
    return any(ord(letter) > 0x7F for letter in text.replace("\u2019", "'"))


def test_shares_of_rows_are_those_of_the_field(small: Generated) -> None:
    rows = rows_of(small.activity.path)
    people = {row[2]: row for row in rows}
    assert len(people) == SMALL
    assert len(rows) / len(people) == pytest.approx(1.195, abs=0.02)
    assert sum(bool(row[21]) for row in rows) / len(rows) == pytest.approx(0.42, abs=0.04)
    assert sum(not row[23] for row in rows) / len(rows) == pytest.approx(0.12, abs=0.02)
    modes = Counter(row[17] for row in rows)
    assert modes["L"] / len(rows) == pytest.approx(0.45, abs=0.04)
    assert modes["S"] / len(rows) == pytest.approx(0.53, abs=0.04)
    assert small.skills.rows / SMALL == pytest.approx(0.215, abs=0.03)
    overseas = sum(row[35][:2] in {"97", "98"} for row in rows) / sum(bool(row[35]) for row in rows)
    assert overseas == pytest.approx(OVERSEAS_SHARE, abs=0.012)


def test_shares_of_professions_and_categories_are_those_of_the_field(small: Generated) -> None:
    people = {row[2]: row for row in rows_of(small.activity.path)}
    professions = Counter(row[9] for row in people.values())
    for code, share in {
        "60": 0.328,
        "10": 0.205,
        "93": 0.062,
        "70": 0.062,
        "21": 0.043,
        "40": 0.034,
        "99": 0.067,
    }.items():
        assert professions[code] / SMALL == pytest.approx(share, abs=0.012), code
    assert len(professions) >= 28
    categories = Counter(row[11] for row in people.values())
    assert categories["C"] / SMALL == pytest.approx(0.94, abs=0.02)
    assert set(categories) == {"C", "E", "M"}


def test_names_are_spelled_as_in_the_field(small: Generated) -> None:
    people = {row[2]: row for row in rows_of(small.activity.path)}
    families, given = ([row[column] for row in people.values()] for column in (7, 8))
    assert sum(map(has_accent, families)) / SMALL == pytest.approx(0.12, abs=0.02)
    assert sum(map(has_accent, given)) / SMALL == pytest.approx(0.33, abs=0.06)
    assert sum("-" in name for name in families) / SMALL == pytest.approx(0.06, abs=0.01)
    assert sum("-" in name for name in given) / SMALL == pytest.approx(0.15, abs=0.02)
    top = sum(count for _, count in Counter(name.upper() for name in given).most_common(100)) / SMALL
    assert top == pytest.approx(0.45, abs=0.08)
    namesakes = Counter((row[7].upper(), row[8].upper()) for row in people.values())
    assert sum(count - 1 for count in namesakes.values()) >= 5
    assert any(name.islower() for name in families)
    assert any('"' in name for name in given)
    assert any("\u2019" in name for name in families)


def test_mailboxes_follow_the_measured_shares(small: Generated) -> None:
    rows = rows_of(small.mailboxes.path)
    personal = [row for row in rows if row[0] == "PER"]
    assert len(personal) / SMALL == pytest.approx(0.24, abs=0.02)
    assert sum(bool(row[5]) for row in personal) / len(personal) == pytest.approx(0.45, abs=0.06)
    assert sum(row[17] == "O" for row in personal) / len(personal) == pytest.approx(0.6, abs=0.03)
    assert 0.005 < sum(row[1] != row[1].lower() for row in rows) / len(rows) < 0.03
    domains = Counter(row[1].split("@")[1].lower() for row in rows)
    largest = domains.most_common(10)
    assert largest[0][0] == "medecin-exemple.mssante.fr"
    assert largest[0][1] / len(rows) == pytest.approx(0.12, abs=0.03)
    assert sum(count for _, count in largest) / len(rows) == pytest.approx(0.5, abs=0.08)
    assert sum(count < 10 for count in domains.values()) / len(domains) > 0.5
    assert max(map(len, (row[7] for row in rows))) == len(LONG_SERVICE) == 90


def test_domain_sizes_pass_through_the_measured_anchors() -> None:
    for rank, boxes in ANCHORS:
        assert isclose(size_at(rank), boxes, rel_tol=1e-6)
    sizes = [size_at(rank) for rank in range(1, NATIONAL_DOMAINS + 1)]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(map(round, sizes)) == pytest.approx(519_981, rel=0.001)  # the total this rule was chosen for


def test_the_smallest_documented_set_holds_every_special_case(tiny: Generated) -> None:
    activity, mailboxes = rows_of(tiny.activity.path), rows_of(tiny.mailboxes.path)
    people = {row[2] for row in activity}
    holders: dict[str, set[str]] = {}
    for row in mailboxes:
        holders.setdefault(row[1].lower(), set()).add(row[4])
    places: dict[str, set[str]] = {}
    for row in mailboxes:
        places.setdefault(row[1].lower(), set()).add(row[6])
    boxes = Counter(row[4] for row in mailboxes if row[4])

    assert len(people) == 200
    assert any(len(some) == 2 for some in holders.values()), "two holders of one address"
    assert any(len(some) == 2 for some in places.values()), "one address at two structures"
    assert 5 in boxes.values(), "one person with five mailboxes"
    assert any(row[0] == "0" for row in activity), "known by ADELI only"
    assert any(row[36].startswith("2A") for row in activity), "Corsica"
    assert any(row[36] == "97801" for row in activity), "overseas"
    assert any(row[38] == "99132" and row[35] == "GL" for row in activity), "abroad"
    assert any(row[23] == "" for row in activity), "no structure"
    assert any(row[28] == "P" and row[34] and not row[37] for row in activity), "street number P, no commune"
    assert any("  " in row[32] for row in activity), "double space in a street"
    assert any("CEDEX" in row[34] for row in activity), "CEDEX"
    assert any(row[43].endswith("@medecin-exemple.mssante.fr") for row in activity), "mailbox in the e-mail column"
    assert any(row[7] == LONG_SERVICE for row in mailboxes), "a service of 90 characters"
    assert any(row[4] and row[4] not in people for row in mailboxes), "unknown holder"
    assert any(row[1].endswith("@hors-liste-exemple.mssante.fr") for row in mailboxes), "unlisted domain"
    assert any(row[1] != row[1].lower() for row in mailboxes), "upper case"
    assert {"1", "3"} <= {row[5] for row in mailboxes}, "FINESS and SIRET structures"
    lines = lines_of(tiny.activity.path)
    assert len(lines) > len(set(lines)), "an exact duplicate"
    assert {line.split(";")[13] for line in lines_of(tiny.finess.path)[1:]} >= {"2A", "9A", "9J"}


def test_the_doctor_of_the_documents_is_in_every_set(tiny: Generated, small: Generated) -> None:
    for made in (tiny, small):
        rows = [row for row in rows_of(made.activity.path) if row[1] == "99900000060"]
        assert {(row[7], row[8], row[9]) for row in rows} == {("EXEMPLE", "Anne-Élise", "10")}
        assert {row[21] for row in rows} == {"", "990000010"}
        addresses = {row[1] for row in rows_of(made.mailboxes.path) if row[3] == "99900000060"}
        assert addresses == {
            "anne-elise.exemple@medecin-exemple.mssante.fr",
            "anne-elise.exemple@ch-exemple.mssante.fr",
        }

"""The following day is the first one plus a few changes of each kind; every other line is the same."""

from collections import Counter
from pathlib import Path

import pytest

from app.sandbox.generate import Generated, generate
from tests.sandbox.conftest import lines_of, rows_of


def difference(before: Path, after: Path) -> tuple[Counter[str], Counter[str]]:
    """Lines gone and lines new, headers included, repeats counted."""
    old, new = Counter(lines_of(before)), Counter(lines_of(after))
    return old - new, new - old


def people(made: Generated) -> set[str]:
    return {row[2] for row in rows_of(made.activity.path)}


def test_the_stamp_moves_by_one_day(tiny_next: Generated) -> None:
    assert tiny_next.activity.path.name.endswith("_202609240200.txt")
    assert lines_of(tiny_next.finess.path)[0] == "finess;etalab;111;2026-09-24"
    assert "<DateDeGeneration>2026-09-24T02:00:00Z" in tiny_next.whitelist.path.read_text("utf-8")


def test_persons_are_added_left_and_corrected(tiny: Generated, tiny_next: Generated) -> None:
    before, after = people(tiny), people(tiny_next)
    assert len(after - before) == 3
    assert len(before - after) == 4
    gone, new = difference(tiny.activity.path, tiny_next.activity.path)
    changed = {line.split("|")[2] for line in gone} & {line.split("|")[2] for line in new}
    assert changed
    assert changed <= before & after


def test_mailboxes_are_created_and_removed(tiny: Generated, tiny_next: Generated) -> None:
    before, after = ({row[1] for row in rows_of(made.mailboxes.path)} for made in (tiny, tiny_next))
    assert len(after - before) >= 5
    assert len(before - after) >= 4


def test_a_person_struck_off_still_has_a_mailbox(tiny: Generated, tiny_next: Generated) -> None:
    struck_off = people(tiny) - people(tiny_next)
    left = {row[1] for row in rows_of(tiny_next.mailboxes.path) if row[4] in struck_off}
    assert left == {"yves.radie@medecin-exemple.mssante.fr"}


def test_sites_open_and_close_and_the_white_list_grows(tiny: Generated, tiny_next: Generated) -> None:
    gone, new = difference(tiny.finess.path, tiny_next.finess.path)
    assert (len(gone), len(new)) == (3, 3)  # two sites each way and the first line
    assert tiny_next.whitelist.rows > tiny.whitelist.rows
    gone, new = difference(tiny.whitelist.path, tiny_next.whitelist.path)
    assert [line.strip()[:18] for line in gone] == ["<DateDeGeneration>"]


@pytest.mark.parametrize("file", ["activity", "skills", "mailboxes"])
def test_all_other_lines_are_the_same_and_in_the_same_order(tmp_path: Path, small: Generated, file: str) -> None:
    following = generate(small.professionals, 7, tmp_path, next_day=True)
    before, after = lines_of(getattr(small, file).path), lines_of(getattr(following, file).path)
    gone, new = Counter(before) - Counter(after), Counter(after) - Counter(before)
    assert 0 < gone.total() < len(before) * 0.01
    assert 0 < new.total() < len(before) * 0.01
    kept = [line for line in before if line not in gone]
    assert kept == [line for line in after if line not in new]

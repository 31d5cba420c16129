"""docs/security/asvs.csv is whole and true: each requirement stands once, and what is met names tests that exist."""

import ast
import csv
import re
from collections import Counter
from functools import cache

from tests.docs.markdown import ROOT

TABLE = ROOT / "docs" / "security" / "asvs.csv"
THREATS = ROOT / "docs" / "security" / "threats.md"
STATES = ("met", "not applicable", "deployment", "open")
# ASVS 5.0.0, level 2, and level 3 of V8 and V16: requirements of each chapter.
CHAPTERS = {
    1: 27, 2: 11, 3: 19, 4: 10, 5: 9, 6: 35, 7: 18, 8: 13, 9: 7, 10: 29, 11: 14, 12: 9, 13: 13, 14: 9, 15: 13, 16: 17,
    17: 7,
}  # fmt: skip
SHORTEST_REMARK = 4


def rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def names_in(path: str) -> frozenset[str]:
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text("utf-8"))
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


def exists(test: str) -> bool:
    path, _, name = test.partition("::")
    return name in names_in(path) if name else bool(names_in(path))


def test_every_requirement_stands_once() -> None:
    numbers = [row["requirement"] for row in rows()]
    assert len(numbers) == len(set(numbers))
    assert Counter(int(number.split(".")[0]) for number in numbers) == CHAPTERS


def test_what_is_met_names_tests_that_exist_and_what_is_not_says_why() -> None:
    for row in rows():
        tests = row["tests"].split()
        assert row["status"] in STATES, row
        assert row["subject"], row
        assert [test for test in tests if not exists(test)] == [], row
        assert bool(tests) == (row["status"] == "met"), row
        assert row["status"] == "met" or len(row["remark"]) >= SHORTEST_REMARK, row


def test_a_test_that_is_gone_is_found() -> None:
    assert exists("tests/security/test_asvs.py::test_a_test_that_is_gone_is_found")
    assert not exists("tests/security/test_asvs.py::test_that_was_renamed")
    assert not exists("tests/security/test_gone.py")


def test_the_page_counts_as_the_table() -> None:
    counted = Counter(row["status"] for row in rows())
    told = dict(re.findall(r"^\| ([a-z ]+) \| (\d+) \|", THREATS.read_text("utf-8"), re.MULTILINE))
    assert told == {state: str(counted[state]) for state in STATES}


def test_every_control_of_the_threat_model_names_a_test_that_exists() -> None:
    controls = THREATS.read_text("utf-8").split("## Controls")[1].split("\n## ")[0]
    lines = [line for line in controls.splitlines() if line.startswith("| ")][1:]
    named = [re.findall(r"`(tests/[^`]+)`", line) for line in lines]
    assert all(named)
    assert [test for line in named for test in line if not exists(test)] == []

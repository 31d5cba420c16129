"""The table of faults itself: rows arrive from wherever they are told, and a table that is not whole fails the run."""

import json
from pathlib import Path

import pytest

from tests.faults.report import FAULTS, Tried, by_number, missing, table

pytest_plugins = ["pytester"]
PROGRAM = """
import pytest
from tests.faults.report import FAULTS, Tried

@pytest.mark.parametrize("fault", {faults})
def test_fault(fault, tell):
    tell(Tried(fault, "struck", 3, {lost}, 0, 0.25))
"""
ALL, SOME = "list(FAULTS)", "['F9', 'F2']"


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A run of its own, that has the table and none of our settings."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    return pytester


def ended(run: pytest.Pytester, faults: str, *options: str, lost: int = 0) -> pytest.RunResult:
    """A run in which these faults are told."""
    run.makepyfile(PROGRAM.format(faults=faults, lost=lost))
    return run.runpytest_inprocess("-p", "tests.faults.report", "-p", "no:randomly", "-p", "no:xdist", *options)


@pytest.mark.fault
def test_the_rows_of_all_processes_stand_in_one_table(run: pytest.Pytester) -> None:
    run.makepyfile(PROGRAM.format(faults=ALL, lost=0))
    result = run.runpytest_subprocess("-p", "tests.faults.report", "-n", "2", "--every-fault")
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"{fault} *struck*" for fault in FAULTS])


def test_the_rows_stand_in_one_table_by_number(run: pytest.Pytester) -> None:
    result = ended(run, SOME)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["*= faults =*", "fault *recovery", "F2 *struck*3 *0 *0 *0.2 s", "F9 *struck*3 *0 *0 *0.2 s"]
    )


@pytest.mark.parametrize(("faults", "status"), [(ALL, 0), (SOME, 1)])
def test_a_whole_table_is_one_that_tells_of_every_fault(run: pytest.Pytester, faults: str, status: int) -> None:
    result = ended(run, faults, "--every-fault", "--fault-rows", "rows")
    assert result.ret == status
    assert ("no row: F24" in result.stdout.str()) is bool(status)
    rows = [json.loads(line) for line in (run.path / "rows").read_text("utf-8").splitlines()]
    assert len(rows) == (2 if status else len(FAULTS))


def test_harm_fails_the_run(run: pytest.Pytester) -> None:
    result = ended(run, SOME, lost=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["F2 did harm: struck", "F9 did harm: struck"])


def test_a_row_without_recovery_says_none() -> None:
    rows = [Tried("F12", "twice", 10, 0, 0), Tried("F1", "killed", 2, 0, 0, 12.345)]
    head, first, last = table(rows)
    assert first.split() == ["F1", "killed", "2", "0", "0", "12.3", "s"]
    assert last.split() == ["F12", "twice", "10", "0", "0", "-"]
    assert len({len(line) for line in (head, first, last)}) == 1
    assert len(missing(rows)) == len(FAULTS) - 2


def test_rows_that_say_the_same_are_one() -> None:
    rows = [Tried("F2", "killed", 1, 0, 1, 2.0), Tried("F2", "killed", 2, 3, 0), Tried("F2", "cut", 1, 0, 0)]
    assert by_number(rows) == [Tried("F2", "cut", 1, 0, 0), Tried("F2", "killed", 3, 3, 1, 2.0)]


def test_nobody_invents_a_fault() -> None:
    with pytest.raises(ValueError, match="F25"):
        Tried("F25", "something else", 1, 0, 0)

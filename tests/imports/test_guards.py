"""Guards, exit codes and the report's shape."""

import pytest

from app.imports.guards import Figures, Guard, Limits, check
from app.imports.report import Report, readable, worst

LIMITS = Limits(shrink=0.05, rejected=0.001)


@pytest.mark.parametrize(
    ("figures", "names"),
    [
        (Figures(10, 0, 0, 0, "mailbox"), []),
        (Figures(10, 0, 100, 5, "mailbox"), []),
        (Figures(10, 0, 100, 6, "mailbox"), ["shrink"]),
        (Figures(1, 0, 3, 1, "mailbox"), ["shrink"]),
        (Figures(1_000, 1, 0, 0, "mailbox"), []),
        (Figures(1_000, 2, 0, 0, "mailbox"), ["rejected_lines"]),
        (Figures(0, 0, 100, 100, "mailbox"), ["shrink"]),
    ],
)
def test_guards_wake_above_their_limits(figures: Figures, names: list[str]) -> None:
    assert [guard.name for guard in check(figures, LIMITS, ())] == names


def test_an_accepted_guard_is_said_and_refuses_no_more() -> None:
    (guard,) = check(Figures(10, 0, 10, 9, "mailbox"), LIMITS, ["shrink"])
    assert not guard.refuses
    assert guard.as_json()["accepted"] is True


@pytest.mark.parametrize(
    ("state", "rejected", "code"),
    [("applied", 0, 0), ("planned", 0, 0), ("applied", 1, 1), ("refused", 0, 2), ("failed", 3, 2)],
)
def test_the_exit_code_follows_state_and_rejects(state: str, rejected: int, code: int) -> None:
    assert Report("r", "f", state=state, read=9, rejected=rejected).exit_code == code


def test_the_exit_code_of_several_files_is_the_worst() -> None:
    assert worst([Report("a", "f", state="applied"), Report("b", "f", state="refused")]) == 2
    assert worst([]) == 0


def test_the_report_has_the_promised_names() -> None:
    report = Report(
        "r", "f.txt", "mssante", state="applied", read=5, rejected=1, blank=1, edition_before=1, edition_after=4
    )
    assert report.as_json() == {
        "run": "r",
        "source": "mssante",
        "state": "applied",
        "file": "f.txt",
        "stamp": None,
        "lines": {"read": 5, "accepted": 3, "rejected": 1, "blank": 1},
        "diff": {"create": 0, "update": 0, "close": 0, "same": 0},
        "guards": [],
        "warnings": {},
        "rejects": None,
        "edition": {"before": 1, "after": 4},
    }


def test_the_readable_report_names_guards_and_what_waits() -> None:
    report = Report("r", "f.txt", "mssante", guards=[Guard("shrink", "refuse", "too many")], pending=3, left_out=["x"])
    text = readable(report)
    assert "shrink: too many" in text
    assert "3 marks wait" in text
    assert "left out   x" in text

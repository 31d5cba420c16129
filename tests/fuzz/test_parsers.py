"""Whatever comes in, a parser takes it or refuses it by the errors that it declares."""

import pytest

from tests.fuzz.seeded import TARGETS, Tried, table, tried
from tests.fuzz.target import Target

EXECUTIONS = 150


def test_every_parser_takes_or_refuses_whatever_comes(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [tried(target, EXECUTIONS) for target in TARGETS]
    with capsys.disabled():
        print(f"\n{table(rows)}")  # noqa: T201 - CI shows it
    assert not any(row.findings for row in rows), table(rows)
    # A target that takes nothing at all is no target. (What is signed, only its key could make.)
    assert {row.target for row in rows if not row.taken} <= {"signature"}


def test_what_a_parser_raises_otherwise_is_a_finding() -> None:
    broken = Target("broken", lambda given: given[2], (ValueError,), (b"abc",))
    assert isinstance(found := tried(broken, 30), Tried)
    assert "IndexError" in found.findings[0]

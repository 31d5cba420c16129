"""The tutorials: each reader's first quarter of an hour, pasted command by command."""

from pathlib import Path

import pytest

from tests.journeys.conftest import Running
from tests.journeys.guide import DOCS, follow

TUTORIALS = sorted(path.stem for path in (DOCS / "tutorials").glob("*.md"))


def test_each_reader_has_one() -> None:
    assert TUTORIALS == ["administrator", "developer", "operations", "professional"]


@pytest.mark.slow
@pytest.mark.parametrize("reader", TUTORIALS)
def test_every_command_does_what_is_printed(running: Running, tmp_path: Path, reader: str) -> None:
    assert follow(running, f"tutorials/{reader}.md", tmp_path) >= 8

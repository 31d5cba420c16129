"""Sets made once: the smallest documented one, on both days, and one large enough to measure shares."""

from pathlib import Path

import pytest

from app.sandbox.generate import Generated, generate

TINY, SMALL = 200, 20_000


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return generate(TINY, 1, tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_next(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return generate(TINY, 1, tmp_path_factory.mktemp("tiny-next"), next_day=True)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return generate(SMALL, 7, tmp_path_factory.mktemp("small"))


def lines_of(path: Path) -> list[str]:
    """The lines of a generated file; fails on anything but LF ends, a missing last one included."""
    text = path.read_bytes().decode("utf-8")
    assert text.endswith("\n")
    assert "\r" not in text
    return text.removesuffix("\n").split("\n")


def rows_of(path: Path) -> list[list[str]]:
    return [line.split("|") for line in lines_of(path)[1:]]

"""A release of the tree as it is, made once."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from release import ROOT
from release.__main__ import make

AT = datetime(2026, 1, 15, 8, 30, tzinfo=UTC)
BUILT_FROM = (
    "app",
    "migrations",
    "deploy",
    "openapi",
    "pyproject.toml",
    "uv.lock",
    "README.md",
    "LICENSE",
    ".gitignore",
)
LEFT_OUT = shutil.ignore_patterns("__pycache__", "secrets", "tls")


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of wheel, bill of materials and sums."""
    sources, out = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("dist")
    for name in BUILT_FROM:
        there = ROOT / name
        if there.is_dir():
            shutil.copytree(there, sources / name, ignore=LEFT_OUT)
        else:
            shutil.copy(there, sources / name)
    make(sources, out, AT)
    return out

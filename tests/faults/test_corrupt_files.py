"""Corrupt files (F17): imported exactly, or refused with a reason; every line is accounted for, in bounded memory.

What hypothesis and mutations find: tests/imports/test_mutations; archives, workbooks and long lines: beside it. Here a
file is handed to the command as its admin would, beside a directory in use, and its memory is looked at.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.settings import PREFIX
from tests.bench.memory import watched
from tests.faults.conftest import Days, assert_undisturbed
from tests.faults.report import Tell, Tried
from tests.harness.database import Database
from tests.imports.test_mutations import VALID

MOST_MB = 300.0
MAILBOXES, SITES = (VALID[name].read_bytes() for name in ("mailboxes", "sites"))


CORPUS: dict[str, Callable[[], bytes]] = {
    "UTF-16": lambda: MAILBOXES.decode("utf-8").encode("utf-16"),
    "cp1252": lambda: MAILBOXES.decode("utf-8").encode("cp1252", "replace"),
    "latin-9": lambda: MAILBOXES.decode("utf-8").encode("iso8859-15", "replace"),
    "a quote that swallows the file": lambda: SITES.replace(b";", b';"', 40),
}
SHORT = ("UTF-16",)


def imported(database: Database, folder: Path, content: bytes) -> tuple[int, Any, float]:
    """What the command says of a file: (exit code, its JSON, peak memory in MB)."""
    path = folder / "corrupt"
    path.write_bytes(content)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment |= {"ANNUAIRE_DATABASE_URL": database.dsn, "ANNUAIRE_LDAP_ENABLED": "false"}
    command = [sys.executable, "-m", "app.cli", "import", "run", str(path), "--json", "--rejects", str(folder)]
    found = watched(command, environment)
    return found.status, json.loads(found.said), found.peak_mb


def require_exact(database: Database, days: Days, folder: Path, content: bytes) -> float:
    """A file is imported exactly or refused, whatever it holds. Returns the peak memory in MB."""
    status, said, peak = imported(database, folder, content)
    assert status in {0, 1, 2}, said
    reports = said if isinstance(said, list) else [said] if "lines" in said else []
    for report in reports:
        lines = report["lines"]
        assert lines["read"] == lines["accepted"] + lines["rejected"] + lines["blank"], report
    if status == 2:
        assert reports or said["error"]["code"], said
        if all(report["state"] == "refused" for report in reports):
            assert_undisturbed(database, days.after_first)
    return peak


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in SHORT else pytest.mark.fault) for name in CORPUS]
)
def test_a_corrupt_file_is_imported_exactly_or_refused_in_little_memory(
    loaded: Database, days: Days, tmp_path: Path, tell: Tell, name: str
) -> None:
    peak = require_exact(loaded, days, tmp_path, CORPUS[name]())
    tell(Tried("F17", f"{name} ({peak:.0f} MB)", 1, 0, 0))
    assert peak < MOST_MB

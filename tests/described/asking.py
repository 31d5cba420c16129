"""One run of schemathesis as one kind of caller, and what it found."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SEED = 20_261_129
LINKS = re.compile(r"API Links:\s+(\d+) covered / \d+ selected / (\d+) total")


@dataclass(frozen=True)
class Asked:
    """What one caller's questions came to. `links`: how many were followed at least once; `text`: all that was said."""

    caller: str
    operations: int
    operations_in_all: int
    cases: int
    links: int
    links_in_all: int
    failures: int
    errors: int
    text: str

    @property
    def findings(self) -> int:
        return self.failures + self.errors

    def row(self) -> tuple[str, ...]:
        """For the table."""
        operations, links = f"{self.operations}/{self.operations_in_all}", f"{self.links}/{self.links_in_all}"
        return (self.caller, operations, str(self.cases), links, str(self.findings))


def ask(url: str, caller: str, headers: Mapping[str, str], folder: Path, *options: str) -> Asked:
    """Ask everything that the description of the API at `url` lets a caller with these headers ask.

    Schemathesis takes off a header to see that it is needed, but knows of none of a certificate: there, `ignored_auth`
    would find what is none. tests/access walks every route with every credential.
    """
    unasked = ["--exclude-checks", "ignored_auth"] if "Client-Cert" in headers else []
    report = folder / f"{caller}.json"
    report.unlink(missing_ok=True)
    told = [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "--no-color"),
        *("run", f"{url}/openapi.json", "--checks", "all", "--seed", str(SEED), "--no-shrink", "--continue-on-failure"),
        *("--report", "json", "--report-json-path", str(report), "--workers", "1", *told, *unasked, *options),
    ]
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert report.exists(), done.stdout + done.stderr
    return _read(caller, json.loads(report.read_text("utf-8")), done.stdout)


def _read(caller: str, report: Mapping[str, Any], text: str) -> Asked:
    covered = LINKS.search(text)
    return Asked(
        caller,
        report["operations"]["tested"],
        report["operations"]["total"],
        report["test_cases"]["generated"],
        int(covered[1]) if covered else 0,
        int(covered[2]) if covered else 0,
        report["test_cases"]["unique_failures"],
        sum(error["count"] for error in report["errors"]),
        text,
    )

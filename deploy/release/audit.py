"""`make audit`: which advisories are known for the locked dependencies, and which of them nobody has looked at.

`uv audit` asks OSV (the database of PyPI's, GitHub's and others' advisories) for every locked version, those of tests
too. What was looked at stands in docs/security/advisories.toml with a reason and a date.

Exit codes: 0 nothing, or all explained, or the service could not be asked, which is said plainly (2 with `--must-ask`);
1 an advisory that nobody explained, or whose date is over; 2 the audit could not be done.
"""

import argparse
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from release import ROOT

ADVISORIES = ROOT / "docs" / "security" / "advisories.toml"
# How uv says that nobody answered, or not as a service that is up does.
NO_ANSWER = (
    "error sending request for url",
    "Request failed after",
    "HTTP status server error",
    "429 Too Many Requests",
)
PATIENCE = 120.0
# An audit that waits for a dead line would eat up the time of the tests.
QUICK = {"UV_HTTP_RETRIES": "1", "UV_HTTP_TIMEOUT": "20", "UV_HTTP_CONNECT_TIMEOUT": "5"}


class NotAsked(Exception):
    """The service did not answer; the message says how."""


@dataclass(frozen=True, slots=True)
class Found:
    """An advisory for a locked version. `names`: its id and the other ids it goes by."""

    package: str
    version: str
    names: tuple[str, ...]
    summary: str
    fixed_in: str


@dataclass(frozen=True, slots=True)
class Explained:
    """What somebody found out of an advisory, good until a date."""

    name: str
    package: str
    review: date
    reason: str


def explanations(path: Path = ADVISORIES) -> list[Explained]:
    """The advisories that were looked at. Raises KeyError for one without package, reason or date."""
    entries = tomllib.loads(path.read_text("utf-8")).get("advisory", [])
    return [Explained(each["id"], each["package"], each["review"], each["reason"]) for each in entries]


def ask(options: Sequence[str] = (), project: Path = ROOT) -> tuple[int, list[Found]]:
    """How many locked packages were asked for, and what is known of them.

    Raises NotAsked, and RuntimeError when uv fails for another reason.
    """
    command = [str(Path(sys.executable).parent / "uv"), "audit", "--frozen", "--output-format", "json", *options]
    features = "audit-command,json-output"
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            [*command, "--preview-features", features, "--project", str(project)],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            env={**QUICK, **os.environ},
        )
    except subprocess.TimeoutExpired as error:
        raise NotAsked(f"no answer within {PATIENCE:.0f} s") from error
    if done.returncode not in (0, 1):
        why = " ".join(line.strip() for line in done.stderr.splitlines() if line.strip())
        raise NotAsked(why) if any(sign in why for sign in NO_ANSWER) else RuntimeError(why)
    report = json.loads(done.stdout)
    return int(report["summary"]["audited_packages"]), list(_found(report))


def unexplained(found: Iterable[Found], known: Sequence[Explained], today: date) -> list[Found]:
    """What is left when everything explained is taken away, unless the date of the explanation is over."""
    good = {(each.package, each.name) for each in known if each.review >= today}
    return [each for each in found if not any((each.package, name) in good for name in each.names)]


def _found(report: dict[str, Any]) -> Iterator[Found]:
    for each in report["vulnerabilities"]:
        package = each["dependency"]
        names = (each["id"], *each["aliases"])
        fixed = ", ".join(each["fix_versions"]) or "no version"
        yield Found(package["name"], package["version"], names, each["summary"] or "", fixed)
    for each in report["adverse_statuses"]:
        status = f"status:{each['status']}"
        yield Found(each["name"], "", (status,), each.get("reason") or "its project is not kept any more", "no version")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    parser = argparse.ArgumentParser(prog="release.audit", description=__doc__.splitlines()[0])
    parser.add_argument("--must-ask", action="store_true", help="fail when the service does not answer")
    given, options = parser.parse_known_args(arguments)
    known = explanations()
    try:
        asked, found = ask(options)
    except NotAsked as why:
        print(f"audit: NOT ASKED: the service of advisories does not answer, nothing is known of today ({why})")
        return 2 if given.must_ask else 0
    except RuntimeError as fault:
        print(f"audit: not done: {fault}", file=sys.stderr)
        return 2
    left = unexplained(found, known, datetime.now(UTC).date())
    for each in found:
        state = "UNEXPLAINED" if each in left else "explained"
        print(f"audit: {state}: {each.package} {each.version}: {each.names[0]}: {each.summary} (in {each.fixed_in})")
    for one in known:
        if not any(one.package == each.package and one.name in each.names for each in found):
            print(f"audit: no longer known: {one.name} of {one.package}: take it out of {ADVISORIES.name}")
    print(f"audit: {asked} locked packages, {len(found)} advisories, {len(left)} unexplained")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())

"""The README's tour answers as it is printed there."""

import re
import subprocess

import pytest

from tests.docs.markdown import ROOT
from tests.journeys.conftest import Running

TOUR = re.compile(r"^```console\n\$ (?P<command>.+)\n(?P<answer>(?s:.*?))^```$", re.MULTILINE)
STEPS = [
    (found["command"], found["answer"]) for found in TOUR.finditer((ROOT / "README.md").read_text(encoding="utf-8"))
]


def blocks(text: str) -> list[str]:
    """What is between blank lines, in any order: LDAP promises none among entries."""
    return sorted(text.strip().split("\n\n"))


def test_the_readme_has_a_tour() -> None:
    assert len(STEPS) >= 4


@pytest.mark.parametrize(
    ("command", "answer"), STEPS, ids=[command.split()[0] + str(at) for at, (command, _) in enumerate(STEPS)]
)
def test_each_step_answers_as_printed(running: Running, command: str, answer: str) -> None:
    here = command.replace("http://127.0.0.1:8000", running.api).replace("ldap://127.0.0.1:3389", running.ldap)
    assert here != command, "a step must name the API or LDAP of make demo"
    done = subprocess.run(["sh", "-c", here], capture_output=True, text=True, check=False, timeout=60)
    assert blocks(done.stdout) == blocks(answer), done.stderr

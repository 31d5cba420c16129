"""docs/joining.md as its reader pastes it: commands, and what they print."""

import re
import subprocess
import sys
from pathlib import Path

from app.sandbox.numbers import siren, siret
from tests.docs.markdown import ROOT
from tests.harness.network import GATEWAY
from tests.journeys.conftest import Running

GUIDE = ROOT / "docs" / "joining.md"
BLOCK = re.compile(r"^```(?P<kind>sh|console)\n(?P<text>(?s:.*?))^```$", re.MULTILINE)
# One network joins by the journey, beside this one, in the same directory.
HERE = {GATEWAY.operator: f"3{siret(siren(299_999), 1)}", GATEWAY.domain: "reseau-du-guide.mssante.fr"}


def steps(running: Running) -> list[tuple[str, str | None]]:
    """Commands of the guide with what they print, None where it is not shown."""
    text = GUIDE.read_text("utf-8").replace(".venv/bin/python", sys.executable)
    places = {"--data-dir var": f"--data-dir {running.data_dir}", "http://127.0.0.1:8000": running.api}
    for there, here in {**HERE, **places, "ldap://127.0.0.1:3389": running.ldap}.items():
        text = text.replace(there, here)
    found: list[tuple[str, str | None]] = []
    for block in BLOCK.finditer(text):
        if block["kind"] == "sh":
            found.append((block["text"], None))
            continue
        commands = re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]
        found += [(each.partition("\n")[0], each.partition("\n")[2]) for each in commands]
    return found


def run(command: str, folder: Path, *, is_shown: bool) -> str:
    """What a command prints. One whose answer is not shown must do what it says."""
    annuaire = f'annuaire() {{ {sys.executable} -m app.cli "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", annuaire + command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=folder,
        timeout=120,
    )
    assert is_shown or done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


def squeezed(text: str) -> list[str]:
    """Lines without empty ones (LDAP ends with one, a document does not), and without what nobody sees."""
    return [line.rstrip() for line in text.replace("\ufeff", "").splitlines() if line.strip()]

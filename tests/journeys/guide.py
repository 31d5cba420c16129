"""A document as its reader pastes it: commands, and what they print."""

import re
import subprocess
import sys
from pathlib import Path

from app.sandbox.numbers import siren, siret
from tests.docs.markdown import ROOT
from tests.harness.network import GATEWAY
from tests.journeys.conftest import Running

DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(?P<kind>sh|console)\n(?P<text>(?s:.*?))^```$", re.MULTILINE)
# One network joins by the journey, beside this one, in the same directory.
HERE = {GATEWAY.operator: f"3{siret(siren(299_999), 1)}", GATEWAY.domain: "reseau-du-guide.mssante.fr"}


def steps(running: Running, name: str) -> list[tuple[str, str | None]]:
    """Commands of a document below docs/ with what they print, None where it is not shown."""
    text = (DOCS / name).read_text("utf-8").replace(".venv/bin/python", sys.executable)
    places = {"--data-dir var": f"--data-dir {running.data_dir}", " var/": f" {running.data_dir}/"}
    servers = {"http://127.0.0.1:8000": running.api, "ldap://127.0.0.1:3389": running.ldap}
    for there, here in {**HERE, **places, **servers}.items():
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


def follow(running: Running, name: str, folder: Path) -> int:
    """Carry a document out in `folder`: what it prints must be what is printed there. Returns how many steps it has."""
    done = steps(running, name)
    for command, printed in done:
        if "ldapsearch" in command:
            running.wait_until_everywhere()
        answer = run(command, folder, is_shown=printed is not None)
        if printed is not None:
            assert squeezed(answer) == squeezed(printed), command
    return len(done)


def squeezed(text: str) -> list[str]:
    """Lines without empty ones (LDAP ends with one, a document does not), and without what nobody sees."""
    return [line.rstrip() for line in text.replace("\ufeff", "").splitlines() if line.strip()]

"""What uv.lock locks: names and versions, of what annuaire is installed with and of what it is worked on with."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from release import ROOT

UV = str(Path(sys.executable).parent / "uv")


def run_uv(*words: str, project: Path = ROOT) -> str:
    """What a command of uv prints, without the network. Raises subprocess.CalledProcessError, after its words."""
    command = [UV, *words, "--quiet", "--offline", "--project", str(project)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603 - our own words


def bill(*groups: str, project: Path = ROOT) -> dict[str, Any]:
    """The locked dependencies in CycloneDX 1.5: the run's, or those that the options `groups` of uv choose."""
    options = groups or ("--no-default-groups",)
    exported = run_uv("export", "--frozen", "--format", "cyclonedx1.5", *options, project=project)
    document: dict[str, Any] = json.loads(exported)
    return document


def versions(*groups: str) -> dict[str, str]:
    """Version of each locked dependency, by name."""
    return {each["name"]: each["version"] for each in bill(*groups)["components"]}

"""How much memory a command needs: run as a process of its own, looked at while it runs."""

import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

LOOK_SECONDS = 0.2


class Watched(NamedTuple):
    """A command that ended: exit status, what it said, and its peak memory in MB."""

    status: int
    said: bytes
    peak_mb: float


def watched(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Watched:
    """Run a command to its end."""
    peak_mb = 0.0
    with tempfile.TemporaryFile() as output:
        with subprocess.Popen(command, env=environment and dict(environment), stdout=output) as process:
            while process.poll() is None:
                peak_mb = max(peak_mb, held_mb(process.pid))
                time.sleep(LOOK_SECONDS)
        output.seek(0)
        return Watched(process.returncode, output.read(), peak_mb)


def held_mb(pid: int) -> float:
    """The most memory that a process has held. What wait4 says counts that of the process which started it too."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0

"""slapd's offline tools (slapadd, slapindex, slapmodify), run as slapd's account and fed with LDIF."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from app.console import Refused
from app.embedded import process
from app.embedded.account import Account


class SlapdFailed(Refused):
    """slapd, or one of its tools, did not do what it was asked; the message ends with its own words."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "slapd.failed")


def run_tool(command: Sequence[str], ldif: Iterable[bytes], account: Account) -> None:
    """Run it to its end, with these bytes as its input. Raises SlapdFailed; an error of `ldif` itself ends the tool.

    Complaints go to a file, so that no pipe fills up.
    """
    with tempfile.TemporaryFile() as complaints:
        running = subprocess.Popen(  # noqa: S603 - a program that we found
            command,
            stdin=subprocess.PIPE,
            stdout=complaints,
            stderr=complaints,
            cwd="/",
            env=process.SERVER_ENVIRONMENT,
            **account.run_as(),
        )
        try:
            whole = _fed(running, ldif)
        except BaseException:
            running.kill()
            running.wait(30)
            raise
        finally:
            _close(running)
        if running.wait() != 0 or not whole:
            name = Path(command[0]).name
            raise SlapdFailed(f"{name} failed (status {running.returncode}): {_said(complaints)}")


def _fed(running: subprocess.Popen[bytes], ldif: Iterable[bytes]) -> bool:
    """Whether the tool read everything. It stops reading when it fails; then its status and words say why."""
    stdin = running.stdin
    if stdin is None:
        return False
    try:
        for block in ldif:
            stdin.write(block)
        stdin.flush()
    except BrokenPipeError:
        return False
    return True


def _close(running: subprocess.Popen[bytes]) -> None:
    """End the tool's input. What was left unwritten for a dead tool is not wanted any more."""
    if running.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            running.stdin.close()


def _said(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    return "\n".join(complaints.read().decode("utf-8", "replace").strip().splitlines()[-12:])

"""Child processes that die with their parent, stop in steps, and can be found again after a crash."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO

from app.embedded.account import Account

LOG_LIMIT = 10_000_000
# A server quotes the statements that fail, and these name people.
PRIVATE_LOGS = 0o700
# Servers get no setting of ours by accident: PGDATA or PGPORT in our environment must not move them.
SERVER_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"}


def spawn(
    command: Sequence[str],
    *,
    log: Path | None,
    death_signal: signal.Signals,
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
    directory: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own (a Ctrl-C reaches us alone), writing to `log` (None: our stderr).

    The kernel sends `death_signal` to it when our thread ends, kill -9 included. `setpriv` asks for it, since the
    request must come after the change of user, and a function between fork and exec is unsafe beside threads.
    """
    setpriv = shutil.which("setpriv")
    prefix = [setpriv, "--pdeathsig", death_signal.name.removeprefix("SIG")] if setpriv else []
    identity = account.run_as() if account else {}
    with _log_file(log) if log else nullcontext(sys.stderr) as output:
        return subprocess.Popen(  # noqa: S603 - programs we looked up ourselves
            [*prefix, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env=dict(environment) if environment is not None else None,
            start_new_session=True,
            **identity,
        )


def stop(process: subprocess.Popen[bytes], steps: Sequence[tuple[signal.Signals, float]]) -> int:
    """Send each signal and wait its seconds; SIGKILL ends the list. Returns the exit status."""
    for number, patience in steps:
        if process.poll() is not None:
            break
        process.send_signal(number)
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    if process.poll() is None:
        process.kill()
    return process.wait(30)


def last_lines(log: Path, count: int = 12) -> str:
    """The end of a child's log, for the message that says why it failed."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8_192))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return "\n".join(lines[-count:])


def inhabitants(folder: Path) -> list[int]:
    """Processes whose working directory or an argument is `folder`: its engines, whoever started them."""
    name = os.fsencode(folder)
    return [pid for pid in _processes() if _link(pid, "cwd") == str(folder) or name in _strings(pid, "cmdline")]


def carrying(variable: str, value: str) -> list[int]:
    """Processes started with this environment variable, ourselves left out."""
    entry = os.fsencode(f"{variable}={value}")
    return [pid for pid in _processes() if pid != os.getpid() and entry in _strings(pid, "environ")]


def end(pids: Sequence[int], number: signal.Signals, patience: float) -> None:
    """Signal processes that are not our children, wait, then SIGKILL what is left."""
    for last in (number, signal.SIGKILL):
        for pid in pids:
            _signal(pid, last)
        deadline = time.monotonic() + patience
        while any(map(_is_alive, pids)) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not any(map(_is_alive, pids)):
            return


def _log_file(log: Path) -> IO[bytes]:
    log.parent.mkdir(PRIVATE_LOGS, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_name(log.name + ".1"))
    return log.open("ab")


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _link(pid: int, name: str) -> str:
    try:
        return str(Path(f"/proc/{pid}/{name}").readlink())
    except OSError:  # gone meanwhile, or another user's: not ours
        return ""


def _strings(pid: int, name: str) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().split(b"\0")
    except OSError:  # gone meanwhile, or another user's: not ours
        return []


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:  # ended by itself, which is what we want
        return


def _is_alive(pid: int) -> bool:
    """A zombie whose parent does not wait for it counts as gone: it holds nothing any more."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}

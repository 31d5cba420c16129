"""The directory through its days: the same files again, the next day's, and a worker that dies in the middle."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.journeys.conftest import ANNUAIRE, PROFESSIONALS, Running


def worker_pid(running: Running) -> int:
    """The worker child of the supervisor."""
    children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text(encoding="ascii")
    for pid in map(int, children.split()):
        if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
            return pid
    raise AssertionError("the supervisor has no worker child")


def test_the_same_files_change_nothing_and_the_next_day_survives_a_killed_worker(running: Running) -> None:
    the_same_files_again_change_nothing(running)
    the_next_day_reaches_ldap_though_the_worker_is_killed(running)


def the_same_files_again_change_nothing(running: Running) -> None:
    before = running.edition()
    reports = running.command("import", "run", *map(str, running.files))
    assert [report["state"] for report in reports] == ["applied"] * len(reports)
    changed = [report["diff"][kind] for report in reports for kind in ("create", "update", "close")]
    assert changed == [0] * len(changed)
    assert running.edition() == before


def the_next_day_reaches_ldap_though_the_worker_is_killed(running: Running) -> None:
    tomorrow = running.data_dir / "tomorrow"
    generate = ("sandbox", "generate", "--professionals", str(PROFESSIONALS), "--seed", "1", "--next-day")
    subprocess.run(
        [*ANNUAIRE, *generate, "--out", str(tomorrow), "--json"],
        check=True,
        stdout=sys.stderr,
        timeout=120,
    )
    killed = worker_pid(running)
    # A directory of 300 loses more than 5 % of something in a day: the guard is accepted by name.
    command = [*ANNUAIRE, "import", "run", "--data-dir", str(running.data_dir), "--json", "--accept-guard", "shrink"]
    with subprocess.Popen([*command, *map(str, sorted(tomorrow.iterdir()))], stdout=subprocess.PIPE) as importing:
        edition = running.edition()
        running.wait_until(lambda: running.edition() > edition, "the first change of the day is published")
        os.kill(killed, signal.SIGKILL)
        importing.communicate(timeout=120)
        assert importing.returncode in {0, 1}
    running.wait_until(lambda: worker_pid_or_none(running) not in {None, killed}, "the worker is back")
    running.wait_until_everywhere()
    assert running.command("ldap", "verify")


def worker_pid_or_none(running: Running) -> int | None:
    try:
        return worker_pid(running)
    except (AssertionError, FileNotFoundError):
        return None

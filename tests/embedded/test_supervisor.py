"""Parts that die, parts that cannot start, parts that must rest: what the supervisor does and says."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.console import Refused
from app.embedded import process, supervisor
from app.embedded.lock import Lock, is_locked
from app.embedded.supervisor import GaveUp, Supervisor
from tests.embedded.servers import is_alive, wait_for


class Shell:
    """A part that is one shell script."""

    def __init__(self, name: str, script: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self._script = script

    def start(self) -> None:
        self.process = process.spawn(["/bin/sh", "-c", self._script], log=self.log, death_signal=signal.SIGTERM)

    def stop(self) -> None:
        if self.process is not None:
            process.stop(self.process, ((signal.SIGTERM, 10.0),))
            self.process = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """A supervisor that need not wait long before it tries again."""
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.01)
    watch = Supervisor()
    yield watch
    watch.stop()


def sleeper(name: str, folder: Path) -> Shell:
    return Shell(name, "exec sleep 600", folder / f"{name}.log")


def turned(watch: Supervisor, condition: Callable[[], bool]) -> Callable[[], bool]:
    """The condition, after one more look of the supervisor."""

    def look() -> bool:
        watch.tick()
        return condition()

    return look


def test_a_part_that_dies_is_started_again_and_it_is_said(
    watch: Supervisor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = sleeper("worker", tmp_path)
    watch.start(part)
    first = part.pid
    os.kill(first, signal.SIGKILL)
    wait_for(turned(watch, lambda: part.pid != first), "a new process")
    said = capsys.readouterr().err
    assert f"worker died (signal 9): starting it again in 0.01 s (log: {tmp_path}/worker.log)" in said
    assert "worker is started again" in said


def test_a_part_that_always_dies_is_given_up_with_its_last_words(watch: Supervisor, tmp_path: Path) -> None:
    watch.start(Shell("api", "echo no such luck; exit 7", tmp_path / "api.log"))
    with pytest.raises(GaveUp, match="no such luck") as gave_up:
        wait_for(turned(watch, lambda: False), "nothing")
    assert "api died (exit status 7), 5 times in a row" in gave_up.value.message
    assert gave_up.value.code == "api.failed"


def test_pauses_double(watch: Supervisor, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watch.start(Shell("api", "exit 7", tmp_path / "api.log"))
    with pytest.raises(GaveUp):
        wait_for(turned(watch, lambda: False), "nothing")
    pauses = [
        line.split(" again in ")[1].split(" s")[0] for line in capsys.readouterr().err.splitlines() if " s (" in line
    ]
    assert pauses == ["0.01", "0.02", "0.04", "0.08"]


def test_a_part_that_lived_long_begins_anew(watch: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "STEADY", -1.0)
    part = Shell("api", "exit 7", tmp_path / "api.log")
    watch.start(part)
    seen: set[int] = set()

    def enough() -> bool:
        seen.add(part.pid)
        return len(seen) > supervisor.MOST_FAILURES

    wait_for(turned(watch, enough), "more starts than failures are allowed in a row")


def test_a_first_start_that_fails_is_not_tried_again(watch: Supervisor, tmp_path: Path) -> None:
    class Broken(Shell):
        def start(self) -> None:
            raise Refused("no such program")

    with pytest.raises(Refused, match="no such program"):
        watch.start(Broken("slapd", "", tmp_path / "log"))


def test_parts_stop_in_reverse_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watch = Supervisor()
    parts = [sleeper(name, tmp_path) for name in ("postgres", "slapd", "worker", "api")]
    for part in parts:
        watch.start(part)
    pids = [part.pid for part in parts]
    capsys.readouterr()
    watch.stop()
    assert not any(map(is_alive, pids))
    assert [line.split()[-1] for line in capsys.readouterr().err.splitlines()] == ["api", "worker", "slapd", "postgres"]


def test_a_part_that_does_not_stop_keeps_no_other_from_stopping(tmp_path: Path) -> None:
    class Broken(Shell):
        def stop(self) -> None:
            super().stop()
            raise OSError("disk on fire")

    watch = Supervisor()
    parts = [
        sleeper("postgres", tmp_path),
        Broken("slapd", "exec sleep 600", tmp_path / "log"),
        sleeper("api", tmp_path),
    ]
    for part in parts:
        watch.start(part)
    pids = [part.pid for part in parts]
    with pytest.raises(ExceptionGroup, match="did not stop"):
        watch.stop()
    assert not any(map(is_alive, pids))


def test_a_deaf_process_is_killed(tmp_path: Path) -> None:
    child = process.spawn(
        ["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.05; done"],
        log=tmp_path / "log",
        death_signal=signal.SIGKILL,
    )
    wait_for(lambda: "deaf" in process.last_lines(tmp_path / "log"), "the trap")
    assert process.stop(child, ((signal.SIGTERM, 0.2),)) == -signal.SIGKILL


def test_a_part_rests_while_its_lock_is_held_and_comes_back(watch: Supervisor, tmp_path: Path) -> None:
    part = sleeper("slapd", tmp_path)
    pause = tmp_path / "pause"
    watch.start(part, is_paused=lambda: is_locked(pause))
    with Lock(pause):
        wait_for(turned(watch, lambda: part.process is None), "slapd to stop")
        watch.tick()
        assert part.process is None
    wait_for(turned(watch, lambda: part.process is not None), "slapd to come back")


def test_a_command_runs_to_its_end_while_the_others_are_kept_alive(watch: Supervisor, tmp_path: Path) -> None:
    part = sleeper("postgres", tmp_path)
    watch.start(part)
    first = part.pid
    assert watch.run(Shell("sample", f"kill -9 {first}; sleep 0.5; exit 3", tmp_path / "log")) == 3
    wait_for(turned(watch, lambda: part.pid != first), "a new process")


def test_children_hear_no_ctrl_c_of_ours_and_are_found_by_their_mark(tmp_path: Path) -> None:
    child = process.spawn(
        ["/bin/sleep", "600"],
        log=tmp_path / "log",
        death_signal=signal.SIGTERM,
        environment={"MARK": str(tmp_path)},
    )
    wait_for(lambda: process.carrying("MARK", str(tmp_path)) == [child.pid], "the mark")
    assert Path(f"/proc/{child.pid}/stat").read_text(encoding="utf-8").split()[5] == str(child.pid)
    process.end([child.pid], signal.SIGTERM, 10.0)
    assert child.wait(10) == -signal.SIGTERM


def test_a_log_that_grew_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOG_LIMIT", 3)
    log = tmp_path / "log" / "api.log"
    for word in ("first", "second"):
        process.spawn(["/bin/echo", word], log=log, death_signal=signal.SIGTERM).wait(10)
    assert (log.read_text(), log.with_name("api.log.1").read_text()) == ("second\n", "first\n")
    assert log.parent.stat().st_mode & 0o777 == 0o700

"""`annuaire up`: both engines, the API and the worker under one data directory, until Ctrl-C or SIGTERM."""

import json
import signal
from dataclasses import replace
from pathlib import Path
from types import FrameType

from app.console import DONE, Refused, emit, say
from app.embedded import process
from app.embedded.bring_up import Options, bring_up
from app.embedded.command import SUPERVISED
from app.embedded.lock import InUse, Lock
from app.embedded.place import prepare_data_dir
from app.embedded.runfile import LOCK, remove_run
from app.embedded.supervisor import Supervisor

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Ctrl-C and SIGTERM: before READY they interrupt what is under way, afterwards they ask the loop to end."""

    def __init__(self) -> None:
        self.is_asked = False
        self.may_interrupt = True

    def listen(self) -> None:
        for number in SIGNALS:
            signal.signal(number, self._heard)

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        first, self.is_asked = not self.is_asked, True
        if first and self.may_interrupt:
            raise KeyboardInterrupt


def up(options: Options) -> int:
    """Run until told to stop. Returns 0.

    Raises Refused (a part is missing, a port is taken, the directory is in use, a part died too often) and
    KeyboardInterrupt (stopped before READY); everything that was started is stopped by then.
    """
    data_dir = prepare_data_dir(options.data_dir)
    stop, supervisor = Stop(), Supervisor()
    with _held(data_dir):
        stop.listen()
        try:
            _end_leftovers(data_dir)
            run = bring_up(replace(options, data_dir=data_dir), supervisor)
            stop.may_interrupt = False
            line = json.dumps(run.ready(), ensure_ascii=False)
            emit(run.ready(), as_json=options.as_json, text=f"READY {line}")
            supervisor.wait(lambda: stop.is_asked)
        finally:
            # From here on signals change nothing: stopping has its own deadlines.
            stop.may_interrupt = False
            supervisor.stop()
            remove_run(data_dir)
    say("annuaire: stopped")
    return DONE


def _held(data_dir: Path) -> Lock:
    try:
        return Lock(data_dir / LOCK).acquire()
    except InUse as refusal:
        raise Refused(f"an annuaire up already runs there: {refusal.message}", refusal.code) from refusal


def _end_leftovers(data_dir: Path) -> None:
    """API, worker and commands of a killed supervisor. (The engines look after their own.)"""
    pids = process.carrying(SUPERVISED, str(data_dir))
    if pids:
        say(f"annuaire: stopping what an earlier run left (processes {', '.join(map(str, pids))})")
        process.end(pids, signal.SIGTERM, 20.0)

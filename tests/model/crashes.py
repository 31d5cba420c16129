"""Rules: the API and importers are killed, and connections are cut, in the middle of what they do."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.model import runs
from tests.model.children import Child, import_file
from tests.model.files import ACTIVE, LISTED, Files
from tests.model.judged import Write, carry_out, judge
from tests.model.runs import Run
from tests.model.system import System, list_file, persons_file, until
from tests.model.writes import LINES, WHO, WRITES, Writes

UNAVAILABLE = 503
WAITING = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND split_part(application_name, '/', 1) LIKE %s AND wait_event_type = 'Lock'
ORDER BY pid
"""


# What the plans and receipts in the trail say of runs that nobody told the model of.
UNKNOWN = """
SELECT r.source, r.id, r.state = 'applied', count(*) FROM audit a JOIN import_run r ON r.id = a.object_key
WHERE a.object_kind = 'import' AND NOT r.id = ANY (%s) GROUP BY r.source, r.id, r.state
"""
PUBLICATION, TRAIL = "SELECT pg_advisory_xact_lock(4)", "SELECT pg_advisory_xact_lock(10)"
# What we hold, so that whoever comes there waits. A write: while it looks at what it must know, before it publishes,
# before its last statement.
WRITE_POINTS = st.sampled_from(["LOCK TABLE operator", PUBLICATION, TRAIL])
# An importer: before it compares, before it writes its plan down, at the first row of the registry, with the registry
# written and nothing of it published.
IMPORT_POINTS = st.sampled_from(
    ["LOCK TABLE import_change", TRAIL, "LOCK TABLE practitioner, domain IN SHARE MODE", PUBLICATION]
)


class Crashes(Writes, Files):
    """Whatever is killed, or cut off, where it hurts: what was answered stays, and asking again has one effect."""

    @rule(write=WRITES, point=WRITE_POINTS)
    def kill_the_api_in_a_write(self, write: Write, point: str) -> None:
        """Nobody knows whether it was done. Sent again under its key, it is, once."""
        write, request = self.request(write, is_kept=True)
        verdict = judge(self.model, write)
        answer = self.interrupted(request, point, self.system.kill)
        self.system.restart()
        self.answered(answer or self.send(request), request, write, verdict)

    @rule(write=WRITES, point=WRITE_POINTS)
    def kill_the_api_in_a_write_that_nobody_repeats(self, write: Write, point: str) -> None:
        """It was done wholly, with its row in the trail, or not at all: either is right, and nothing between."""
        write, request = self.request(write, is_kept=False)
        verdict = judge(self.model, write)
        answer = self.interrupted(request, point, self.system.kill)
        self.system.restart()
        if answer is not None:
            self.answered(answer, request, write, verdict)
        elif verdict.is_done and self._is_done():
            with self.model.publishing():
                carry_out(self.model, write, verdict)

    @rule(write=WRITES, point=WRITE_POINTS)
    def cut_the_connection_of_a_write(self, write: Write, point: str) -> None:
        """PostgreSQL ends the session: the caller is told to come back, and nothing was done."""
        write, request = self.request(write, is_kept=True)
        verdict = judge(self.model, write)
        answer = self.interrupted(request, point, self._cut)
        self.answered(answer or self.send(request), request, write, verdict)

    @rule(operator=WHO, lines=LINES, point=WRITE_POINTS, is_whole=st.booleans())
    def kill_the_api_in_a_batch(self, operator: str, lines: list[Write], point: str, *, is_whole: bool) -> None:
        """Sent again, it goes on where it stopped."""
        lines = [self.named(line, operator) for line in lines]
        request = self.batch_request(operator, lines, is_whole=is_whole)
        answer = self.interrupted(request, point, self.system.kill)
        self.system.restart()
        self.batch_answered(answer or self.send(request), request, lines, is_whole=is_whole)

    @rule(active=ACTIVE, point=IMPORT_POINTS)
    def kill_an_importer_of_persons(self, active: list[str], point: str) -> None:
        path = persons_file(self.system.folder, active)
        self.killed_importer(path, point, lambda run: runs.register(self.model, run, active))

    @rule(listed=LISTED, point=IMPORT_POINTS)
    def kill_an_importer_of_a_white_list(self, listed: list[tuple[str, str]], point: str) -> None:
        path = list_file(self.system.folder, listed)
        self.killed_importer(path, point, lambda run: runs.white_list(self.model, run, listed))

    def killed_importer(self, path: Path, point: str, effect: Callable[[Run], None]) -> None:
        """What it had done, wholly, counts; the same file again ends its work (I8)."""
        importer = Child(import_file, self.system.settings, path)
        with held(self.system, point):
            until(lambda: self.waiting("annuaire") or not importer.is_alive, "the importer waits or is done")
            importer.kill()
        self.system.wait_for_sessions("annuaire")
        unknown = self.system.connection.execute(UNKNOWN, [list(self.known)]).fetchall()
        for source, number, is_applied, acts in unknown:
            run = Run(number)
            if is_applied:
                with self.model.publishing():
                    effect(run)
            self.noted(source, run, acts, is_applied=is_applied)
        self.bring(path, effect)

    def interrupted(self, request: dict[str, Any], point: str, strike: Callable[[], object]) -> httpx2.Response | None:
        """Send a request, and strike once it waits at the point. Its answer, unless none came, or it says: again."""
        found: list[httpx2.Response] = []

        def send() -> None:
            try:
                found.append(self.send(request))
            except httpx2.TransportError:
                return

        thread = threading.Thread(target=send)
        with held(self.system, point):
            thread.start()
            until(lambda: self.waiting("annuaire-api") or not thread.is_alive(), "the write waits or is answered")
            strike()
        thread.join()
        return found[0] if found and found[0].status_code != UNAVAILABLE else None

    def waiting(self, name: str) -> list[int]:
        return [pid for (pid,) in self.system.connection.execute(WAITING, [name])]

    def _cut(self) -> None:
        for pid in self.waiting("annuaire-api"):
            self.system.connection.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])

    def _is_done(self) -> bool:
        """Whether the trail has one row more; the registry is then held against the model, this write and all."""
        row = self.system.connection.execute("SELECT count(*) FROM audit").fetchone()
        return row != (self.base.acts + self.model.acts,)


@contextmanager
def held(system: System, point: str) -> Iterator[None]:
    """Whoever comes to the point waits until this ends."""
    with system.database.connect() as holder:
        holder.execute(point.encode())
        yield
        holder.rollback()

"""The state machine without its rules: a system, a model of it, a follower; what must hold after each step."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from hypothesis.stateful import RuleBasedStateMachine, invariant

from app.imports.report import Report
from tests.model import checks
from tests.model.directory import Directory
from tests.model.follower import Follower
from tests.model.runs import Run
from tests.model.system import Base, base_model, installed


class Machine(RuleBasedStateMachine):
    """One history. `base` and `folder` are given by the test."""

    base: ClassVar[Base]
    folder: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        # A socket's name is short, and each history has its own.
        folder = Path(self._stack.enter_context(TemporaryDirectory(dir=self.folder)))
        self.system = self._stack.enter_context(installed(self.base, folder))
        self.model: Directory = base_model()
        self.follower = Follower()
        # Applied and not undone, by source; and all that the model knows of.
        self.runs: dict[str, list[Run]] = {}
        self.known = set(self.base.runs)
        self.holds = False

    def teardown(self) -> None:
        try:
            if self.holds:
                self.ends_well()
        finally:
            self._stack.close()

    def ends_well(self) -> None:
        """What is dear, once for each history."""
        checks.slapd_holds_the_same(self.system, self.model)
        checks.digest_is_that_of_a_full_recompute(self.system)

    @invariant()
    def everything_holds(self) -> None:
        self.holds = False
        checks.everything(self.system, self.model, self.follower, self.base.acts)
        self.holds = True

    def applied(self, report: Report, run: Run) -> None:
        """A run of the import engine is in the registry and in the trail: plan, guards accepted, receipt."""
        accepted = sum(guard.accepted for guard in report.guards)
        self.noted(report.source, run, 2 + accepted, is_applied=True)

    def noted(self, source: str, run: Run, acts: int, *, is_applied: bool) -> None:
        """A run that left so many rows in the trail."""
        self.model.acts += acts
        self.known.add(run.id)
        if is_applied:
            self.runs.setdefault(source, []).append(run)

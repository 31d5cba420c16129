"""Rules: full files of persons, extractions of mailboxes and white lists come in, and runs are taken back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from app.console import Refused
from app.imports.options import Options
from tests.builders import FINESS
from tests.imports import state
from tests.model import runs
from tests.model.machine import Machine
from tests.model.runs import Line, Run
from tests.model.system import ADDRESSES, PAIRS, PEOPLE, extraction_file, list_file, persons_file

# She is never struck off.
ACTIVE = st.sets(st.sampled_from(PEOPLE[1:])).map(lambda some: [PEOPLE[0], *sorted(some)])
HELD_BY = st.sampled_from(PEOPLE).map(lambda person: Line("PER", person, None)) | st.just(Line("ORG", FINESS, None))
SERVICES = st.sampled_from([None, "FICHIER", "AUTRE"])
LINES = st.dictionaries(
    st.sampled_from(ADDRESSES),
    st.builds(Line, st.just("PER"), st.sampled_from(PEOPLE), SERVICES),
    min_size=1,
    max_size=4,
)
LISTED = st.sets(st.sampled_from(PAIRS), min_size=1).map(sorted)


class Files(Machine):
    """What files bring and take away, each by the import engine."""

    @rule(active=ACTIVE)
    def register_file(self, active: list[str]) -> None:
        """Some are struck off, some are back."""
        self.bring(persons_file(self.system.folder, active), lambda run: runs.register(self.model, run, active))

    @rule(lines=LINES)
    def extraction(self, lines: dict[str, Line]) -> None:
        # An address is a structure's or a person's for good: no file changes the type.
        lines = {address: self._of_type(address, line) for address, line in lines.items()}
        path = extraction_file(self.system.folder, lines)
        self.bring(path, lambda run: runs.extraction(self.model, run, lines))

    @rule(listed=LISTED)
    def white_list(self, listed: list[tuple[str, str]]) -> None:
        """Domains are taken away, and given back."""
        path = list_file(self.system.folder, listed)
        self.bring(path, lambda run: runs.white_list(self.model, run, listed))

    @precondition(lambda self: any(self.runs.values()))
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        """The last run of a source, unless somebody wrote what it wrote, or refers to it."""
        source = data.draw(st.sampled_from(sorted(name for name, done in self.runs.items() if done)))
        run = self.runs[source][-1]
        options = Options(self.system.folder / "rejects")
        if not runs.can_undo(self.model, run):
            with pytest.raises(Refused) as refused:
                state.undo(self.system.settings, run.id, options)
            assert refused.value.code == "import.undo_refused"
            return
        state.undo(self.system.settings, run.id, options)
        self.runs[source].pop()
        self.model.acts += 1
        with self.model.publishing():
            runs.undo(self.model, run)

    def bring(self, path: Path, effect: Callable[[Run], None]) -> None:
        """Import a file, and do the same to the model."""
        report = self.system.imported(path)
        run = Run(report.run)
        with self.model.publishing():
            effect(run)
        self.applied(report, run)

    def _of_type(self, address: str, line: Line) -> Line:
        box: Any = self.model.boxes.get(address)
        return line._replace(type="ORG", holder=FINESS) if box and box.type == "ORG" else line

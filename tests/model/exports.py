"""Rules: slapd follows the log, and is killed."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.model import checks
from tests.model.machine import Machine


class Exports(Machine):
    """The tree as what was published since it was last written makes it: entries that come, change and go."""

    @rule(is_killed=st.booleans())
    def slapd_follows(self, *, is_killed: bool) -> None:
        checks.slapd_holds_the_same(self.system, self.model)
        if is_killed:
            self.system.kill_slapd()
            checks.slapd_holds_the_same(self.system, self.model)

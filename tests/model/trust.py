"""Rules: operators are suspended, come back, and leave."""

from typing import ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from app.console import Refused
from app.db import connect
from app.trust import operators
from tests.model.machine import Machine
from tests.model.system import OPERATORS

VERBS = {"suspend": operators.suspend, "resume": operators.resume, "leave": operators.leave}


class Trust(Machine):
    """What administrators decide of operators."""

    # Which state a verb leads to, from which.
    states: ClassVar[dict[tuple[str, str], str]] = {
        ("suspend", "active"): "suspended",
        ("resume", "suspended"): "active",
        ("leave", "active"): "left",
        ("leave", "suspended"): "left",
        ("leave", "candidate"): "left",
    }

    @rule(operator=st.sampled_from(OPERATORS), verb=st.sampled_from(["suspend", "resume", "resume", "leave"]))
    def decide(self, operator: str, verb: str) -> None:
        before = self.model.operators[operator]
        expected = self.states.get((verb, before))
        if (verb, before) == ("resume", "left"):
            # Judged anew: by the white list that names it, or by a file, which nobody here has.
            expected = "active" if self.model.is_vouched_for(operator) else "candidate"
        with connect(self.system.settings) as connection:
            if expected is None:
                with pytest.raises(Refused) as refused:
                    VERBS[verb](connection, operator, "a reason")
                assert refused.value.code == "operator.state"
                return
            VERBS[verb](connection, operator, "a reason")
        self.model.acts += 1
        self.model.admitted.pop(operator, None)
        with self.model.publishing():
            self.model.operators[operator] = expected

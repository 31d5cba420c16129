"""No history of writes, files, decisions, transfers and crashes leaves what the model does not say."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.histories import Histories

# A history that takes long on a busy machine is no fault.
PATIENCE = 1_200


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE)
def test_no_history_leaves_what_the_model_does_not_say(histories: type[Histories]) -> None:
    """The same few at every run: what fails here was broken by whoever changed something."""
    _look(histories, settings(max_examples=3, stateful_step_count=10, derandomize=True, phases=[Phase.generate]))


@pytest.mark.fault
@pytest.mark.timeout(6 * PATIENCE)
@pytest.mark.parametrize("part", range(4))
def test_nor_does_any_other(histories: type[Histories], part: int) -> None:
    """`make test-model`: others each time, and the shortest that fails."""
    del part
    _look(histories, settings(max_examples=25, stateful_step_count=25))


def _look(histories: type[Histories], how: settings) -> None:
    quiet = settings(how, deadline=None, report_multiple_bugs=False, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(histories, settings=quiet)

"""The soak itself, small: everything at work for some seconds, half a minute in all."""

import pytest

from tests.faults.report import Tell, Tried
from tests.soak.run import Length, soak, table


@pytest.mark.fault
def test_a_short_soak_ends_without_an_error_and_without_a_leak(tell: Tell) -> None:
    outcome = soak(Length(mailboxes=900, measured=5, seconds=30, samples=30))
    told = "\n".join(table(outcome))
    assert outcome.is_sound, told
    broken_off = sum(len(kind.latencies) for kind in outcome.kinds if kind.name == "broken off")
    assert broken_off, told
    assert all(kind.latencies for kind in outcome.kinds), told
    tell(Tried("F21", f"soaked, {broken_off} requests broken off", outcome.answers, 0, len(outcome.broken)))

"""The judge of a soak finds what grows, and nothing else; and what is looked at is what a process holds."""

import random
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.soak.judge import FEWEST, judged
from tests.soak.samples import held_by

MANY = 60
MOMENTS = [float(moment) for moment in range(MANY)]
CHANCE = random.Random(1)  # noqa: S311 - a test
# A process that holds more and more: files and threads once a line that it reads, and 2 MB.
LEAKING = """
import sys, threading
kept, gate = [], threading.Event()
for line in sys.stdin:
    thread = threading.Thread(target=gate.wait, daemon=True)
    thread.start()
    kept.append((open("/dev/null"), b"x" * 2_000_000, thread))
    print(len(kept), flush=True)
"""


def noise() -> float:
    return CHANCE.uniform(-1, 1)


GROWING: dict[str, Callable[[float], float]] = {
    "a line": lambda at: 100 + at,
    "a noisy line": lambda at: 100 + at + 5 * noise(),
    "steps": lambda at: 100 + 15 * (at // 12),
    "a line that drops once": lambda at: 100 + 2 * at - (40 if at > 50 else 0),
}
SOUND: dict[str, Callable[[float], float]] = {
    "a level": lambda _: 100.0,
    "noise": lambda _: 100 + 5 * noise(),
    "a saw": lambda at: 100 + at % 10,
    "caches that fill": lambda at: 100 + min(at, 15) * 5,
    "one peak": lambda at: 400 if at == 50 else 100,
    "what shrinks": lambda at: 200 - at,
    "less than is let pass": lambda at: 100 + at / 20,
}


@pytest.mark.parametrize("name", GROWING)
def test_what_grows_is_a_leak(name: str) -> None:
    assert judged(MOMENTS, [GROWING[name](at) for at in MOMENTS], 8).is_leak


@pytest.mark.parametrize("name", SOUND)
def test_what_does_not_is_none(name: str) -> None:
    assert not judged(MOMENTS, [SOUND[name](at) for at in MOMENTS], 8).is_leak


@given(st.integers(0, 20), st.floats(0.2, 50), st.floats(0, 1_000))
def test_no_leak_hides_behind_the_level_or_the_pace(seed: int, slope: float, level: float) -> None:
    """Once it grows by more than is let pass, whatever else swings by less than that."""
    chance = random.Random(seed)  # noqa: S311 - a test
    values = [level + slope * at + chance.uniform(-slope, slope) for at in MOMENTS]
    found = judged(MOMENTS, values, 1)
    grown = slope * (MOMENTS[-1] - MOMENTS[MANY // 3])
    assert found.is_leak or grown * 1.2 < max(1, 0.05 * found.begin) or grown * 0.8 < 0.05 * found.begin
    assert abs(found.growth - grown) < 0.2 * grown


def test_too_few_samples_are_no_proof() -> None:
    with pytest.raises(ValueError, match="too few"):
        judged([1.0, 2.0], [1.0, 1.0], 1)


def test_a_planted_leak_is_found_in_each_figure_of_a_real_process() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LEAKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        samples, moments = [], []
        for _ in range(FEWEST * 2):
            process.stdin.write("\n")
            process.stdin.flush()
            process.stdout.readline()
            samples.append(held_by(process.pid))
            moments.append(time.monotonic())
        process.stdin.close()
    for place in range(3):
        assert judged(moments, [sample[place] for sample in samples], 8 if place == 0 else 2).is_leak

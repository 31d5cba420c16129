"""Whether a figure that was looked at again and again grows without end: a leak.

A process that has just started fills its caches, so the first WARM_UP of a series is left out. Of the rest the slope is
the median of the slopes between any two samples (Theil and Sen), which a peak here and there does not move; and the
trend is Kendall's tau: 1 when each sample is above all before it, 0 when later ones are as often below. What reached
its level, and what swings, has no trend. Leaks that grow by less than their allowance in the time of a run stay unseen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

WARM_UP = 1 / 3
TREND = 0.5
# Fewer samples than this prove nothing.
FEWEST = 8
SHARE = 0.05


@dataclass(frozen=True)
class Judged:
    """`begin`, `end`: medians of the first and last quarter of what was judged; `growth`: by the slope."""

    begin: float
    end: float
    growth: float
    trend: float
    is_leak: bool


def judged(moments: Sequence[float], values: Sequence[float], allowance: float) -> Judged:
    """Judge a series. `allowance`: growth that is let pass, or SHARE of the level where that is more.

    Raises ValueError: too few samples.
    """
    first = int(len(values) * WARM_UP)
    moments, values = moments[first:], values[first:]
    if len(values) < FEWEST:
        raise ValueError(f"{len(values)} samples after the warm-up are too few to judge by: {FEWEST} are needed")
    pairs = [
        (later_at - at, later - value)
        for (at, value), (later_at, later) in combinations(zip(moments, values, strict=True), 2)
    ]
    growth = median(rise / seconds for seconds, rise in pairs) * (moments[-1] - moments[0])
    trend = sum((rise > 0) - (rise < 0) for _, rise in pairs) / len(pairs)
    quarter = max(1, len(values) // 4)
    begin, end = median(values[:quarter]), median(values[-quarter:])
    is_leak = trend >= TREND and growth > max(allowance, SHARE * begin)
    return Judged(begin, end, growth, trend, is_leak)

"""Memory, processor time and files of our processes, under the names that every Prometheus client uses.

`annuaire serve --workers N` answers with the sum of all N, whichever is asked: a process is known by the file in which
it keeps its counters.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import CollectorRegistry

# Where several processes keep their counters together (prometheus_client reads it at import; see app.serving).
SHARED_COUNTERS = "PROMETHEUS_MULTIPROC_DIR"
OWNED = re.compile(r"_([0-9]+)\.db$")
# Of several processes these do not add up: the first start and the smallest limit are what matters.
SMALLEST = frozenset({"process_start_time_seconds", "process_max_fds"})
PROCESSES = "annuaire_processes"


def shown() -> Iterator[Metric]:
    """The sums over all processes that live."""
    values: dict[str, list[float]] = defaultdict(list)
    told: dict[str, Metric] = {}
    pids = processes()
    for pid in pids:
        for metric in _collector(pid).collect():
            told[metric.name] = metric
            values[metric.name].extend(sample.value for sample in metric.samples)
    yield GaugeMetricFamily(PROCESSES, "Processes of this API", value=len(pids))
    for name, metric in told.items():
        value = min(values[name]) if name in SMALLEST else sum(values[name])
        family = CounterMetricFamily if metric.type == "counter" else GaugeMetricFamily
        yield family(name, metric.documentation, value=value)


def processes() -> list[int]:
    """The processes that answer together: this one, or all that share their counters and live."""
    folder = os.environ.get(SHARED_COUNTERS)
    if folder is None:
        return [os.getpid()]
    owners = {int(match[1]) for path in Path(folder).iterdir() if (match := OWNED.search(path.name))}
    return sorted(pid for pid in owners if Path(f"/proc/{pid}").exists())


def forget_the_dead(folder: Path) -> None:
    """Remove what processes that died said of their present state; what they counted stays."""
    for path in folder.glob("gauge_live*.db"):
        match = OWNED.search(path.name)
        if match and not Path(f"/proc/{match[1]}").exists():
            path.unlink(missing_ok=True)


def _collector(pid: int) -> ProcessCollector:
    return ProcessCollector(pid=lambda: pid, registry=CollectorRegistry())

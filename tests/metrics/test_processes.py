"""Several processes that count together: who died is not counted on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.metrics import process

COUNT = """
from prometheus_client import Counter, Gauge, CollectorRegistry
r = CollectorRegistry()
Counter("c", "c", registry=r).inc()
Gauge("g", "g", registry=r, multiprocess_mode="livesum").set(1)
"""


def test_a_process_that_died_leaves_what_it_counted_and_nothing_of_its_present(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(process.SHARED_COUNTERS, str(tmp_path))
    subprocess.run([sys.executable, "-c", COUNT], check=True)
    (tmp_path / f"counter_{os.getpid()}.db").touch()
    assert len(list(tmp_path.glob("gauge_livesum_*.db"))) == 1
    process.forget_the_dead(tmp_path)
    assert list(tmp_path.glob("gauge_livesum_*.db")) == []
    assert len(list(tmp_path.glob("counter_*.db"))) == 2
    assert process.processes() == [os.getpid()]


def test_memory_and_files_are_the_sum_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(name: str) -> float:
        (sample,) = (each for metric in process.shown() for each in metric.samples if each.name == name)
        return sample.value

    alone = told("process_resident_memory_bytes")
    assert (told("annuaire_processes"), alone > 0) == (1, True)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        for pid in (os.getpid(), other.pid):
            (tmp_path / f"counter_{pid}.db").touch()
        monkeypatch.setenv(process.SHARED_COUNTERS, str(tmp_path))
        together = told("process_resident_memory_bytes")
        assert told("annuaire_processes") == 2
        assert told("process_cpu_seconds_total") > 0
        other.communicate(b"\n")
    assert together > alone

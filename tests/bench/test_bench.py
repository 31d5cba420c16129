"""A small run of the benchmark, so that `make bench` cannot rot. Its figures mean nothing at this size."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.bench import (
    arrivals,
    checking,
    digest,
    exporting,
    http_table,
    ldap_national,
    load,
    national,
    search_report,
    search_table,
    structures,
)
from tests.bench.__main__ import run
from tests.bench.filled import filled, repeat
from tests.bench.fts5 import Fts5
from tests.bench.table import Line, rendered
from tests.harness.directory import directory


@pytest.mark.slow
def test_the_benchmark_measures_every_figure_and_its_limit() -> None:
    lines = run(500, requests=320, seconds=1)
    # The processor time of so few rows is below the tick by which it is counted.
    assert [line.what for line in lines if line.value <= 0 and "CPU" not in line.what] == []
    table = rendered(lines)
    for what in (
        "import, first load, published",
        "LDAP first load",
        "GET /v1/mailboxes/{address}",
        "POST /v1/resolve by RPPS",
        "POST /v1/resolve by name",
        "published writes",
        "batch",
    ):
        assert what in table


@pytest.mark.slow
def test_the_national_benchmark_measures_every_stage_of_100_000_lines() -> None:
    lines = national.run(57_000)
    table = rendered(lines)
    for what in ("first load, registry committed", "first load, all published", "next day (1 % changed)", "hot read"):
        assert what in table
    assert [line.what for line in lines if line.value < 0] == []


@pytest.mark.slow
def test_the_load_is_carried_out_and_its_directory_serves_again() -> None:
    """Its own end checks that the audit trail is whole. A slow machine may answer 503, none answers with a fault."""
    small = load.Load(a_second=4, searches=20, seconds=1, warm_up=0.2)
    with directory() as folder:
        for lines in (load.run(1_000, small, folder), load.run(1_000, small, folder)):
            assert [line.what for line in lines if line.value < 0 or line.what.startswith("  answered 4")] == []
            table = rendered(lines)
            for what in ("PUT, new", "DELETE", "batch of 10 lines", "LDAP, Thunderbird", "processor, slapd"):
                assert what in table
        with pytest.raises(ValueError, match="holds 1000 mailboxes, not 2000"), filled(2_000, folder):
            pass


@pytest.mark.slow
def test_the_benchmark_of_ldap_measures_every_figure() -> None:
    small = ldap_national.Size(seconds=0.05, lag_seconds=1, a_second=20, burst=100, rates=50)
    with directory() as folder:
        lines = ldap_national.run(1_000, small, folder, load=True)
    assert [line.what for line in lines if line.value < 0] == []
    table = rendered(lines)
    for what in (
        "Thunderbird, book, 64 conn.",
        "unindexed filters",
        "100 mailboxes hidden",
        "exporter, add",
        "LDAP first",
    ):
        assert what in table


@pytest.mark.slow
def test_the_benchmark_of_the_search_asks_every_kind_and_every_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = search_table.run(1_000, search_table.Size(seconds=0.1, mistakes=4, deep=2), {"FTS5": Fts5})
    search_report.told(found, tmp_path / "table.txt")
    table = (tmp_path / "table.txt").read_text("utf-8")
    assert capsys.readouterr().out == table
    for what in ('"frasl"', "deep page", "structure, word and city", "mistake: edit", "inversion", "FTS5, build"):
        assert what in table
    assert {status for timed in found.timed[search_report.OURS].values() for status in timed.refused} <= {422}
    assert [kind.name for kind in found.kinds if not found.timed[search_report.OURS][kind.name].latencies] == []
    assert found.recall[search_report.OURS]["accent"].share == 1
    assert [line.what for line in found.lines if line.value < 0] == []


@pytest.mark.slow
def test_the_benchmark_of_look_ups_measures_every_figure() -> None:
    lines = http_table.run(500, http_table.Length(seconds=1, times=1), [1], [32])
    assert [line.what for line in lines if line.value < 0] == []
    table = rendered(lines)
    for what in (
        "bare ASGI",
        "practitioner by RPPS, 32 conn.",
        "organization by FINESS",
        "304",
        "404",
        "batch of 1000",
    ):
        assert what in table


def test_an_extraction_is_repeated_under_other_addresses(tmp_path: Path) -> None:
    extraction = tmp_path / "boxes.txt"
    extraction.write_text("head\nPER|a@x.fr|1\nORG|b@x.fr|2\n", "utf-8")
    repeat(extraction, 5)
    assert extraction.read_text("utf-8").splitlines()[3:] == ["PER|2.a@x.fr|1", "ORG|2.b@x.fr|2", "PER|3.a@x.fr|1"]


def test_requests_are_due_at_their_rate_whatever_the_answers_do() -> None:
    sent: list[None] = []

    async def never_in_time() -> str:
        sent.append(None)
        await asyncio.sleep(0.2)
        return ""

    kind = arrivals.Kind("slow", 100, never_in_time)
    moments = arrivals.schedule([kind], 2, random.Random(1))  # noqa: S311 - no secret
    assert 150 < len(moments) < 250
    assert [moment for moment, _ in moments] == sorted(moment for moment, _ in moments)
    asyncio.run(arrivals.play([(moment / 10, each) for moment, each in moments], warm_up=0.1))
    assert len(sent) == len(moments)
    assert len(kind.latencies) == sum(moment / 10 >= 0.1 for moment, _ in moments)
    assert min(kind.latencies) >= 0.2


@pytest.mark.slow
def test_the_benchmark_of_the_digest_measures_every_figure() -> None:
    lines = digest.run(20_000)
    assert [line.what for line in lines if line.value <= 0] == []
    assert "digest, all slots" in rendered(lines)


@pytest.mark.slow
def test_the_benchmark_of_the_check_measures_every_figure() -> None:
    lines = checking.run(5_000, requests=10)
    assert [line.what for line in lines if line.value <= 0] == []
    table = rendered(lines)
    for what in ("published", "a letter missing", "each in a domain of its own", "after the list changed", "index of"):
        assert what in table


@pytest.mark.slow
def test_the_benchmark_of_exports_measures_every_figure() -> None:
    lines = exporting.run(3_000)
    assert [line.what for line in lines if line.value < 0 or not line.passes] == []
    assert "export of 3,000 mailboxes, NDJSON" in rendered(lines)


@pytest.mark.slow
def test_the_benchmark_of_structures_asks_every_kind_of_question() -> None:
    lines = structures.run(2_000, repeats=1, most=None)
    assert [line.what for line in lines if line.value <= 0] == []
    assert sum(line.what.endswith("median") for line in lines) == len(structures.KINDS)


def test_a_missed_figure_is_marked() -> None:
    assert "MISSED" in rendered([Line("writes", 10, "/s", least=300)])
    assert "MISSED" not in rendered([Line("writes", 400, "/s", least=300)])

"""A small run of the benchmark, so that `make bench` cannot rot. Its figures mean nothing at this size."""

import pytest

from tests.bench import digest, national
from tests.bench.__main__ import run
from tests.bench.table import Line, rendered


@pytest.mark.slow
def test_the_benchmark_measures_every_figure_and_its_limit() -> None:
    lines = run(500, requests=320, seconds=1)
    assert [line.what for line in lines if line.value <= 0] == []
    table = rendered(lines)
    for what in (
        "import, first load, published",
        "LDAP first load",
        "GET /v1/mailboxes/{address}",
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
def test_the_benchmark_of_the_digest_measures_every_figure() -> None:
    lines = digest.run(20_000)
    assert [line.what for line in lines if line.value <= 0] == []
    assert "digest, all slots" in rendered(lines)


def test_a_missed_figure_is_marked() -> None:
    assert "MISSED" in rendered([Line("writes", 10, "/s", least=300)])
    assert "MISSED" not in rendered([Line("writes", 400, "/s", least=300)])

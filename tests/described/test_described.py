"""Whatever the description lets somebody ask is answered as it says: no other status, type, header or document."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.embedded import Postgres
from tests.described.asking import Asked, ask
from tests.described.directory import Served, served
from tests.described.report import table
from tests.harness.database import cloned
from tests.harness.directory import directory

# What each caller's few seconds are spent on; under `make fuzz-api` all of them ask everything.
SHORT = {
    "administrator": ("--phases", "coverage"),
    "operator by token": ("--phases", "examples,stateful", "--max-examples", "20"),
    "anonymous": ("--phases", "fuzzing", "--max-examples", "1"),
}


@pytest.fixture(scope="module")
def api(migrated: Postgres) -> Iterator[Served]:
    with cloned(migrated) as database, directory() as folder, served(database, folder) as serving:
        yield serving


@pytest.mark.slow
def test_every_operation_answers_as_it_is_described(
    api: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Asked] = [
        ask(api.url, caller, api.callers[caller], tmp_path, *options) for caller, options in SHORT.items()
    ]
    with capsys.disabled():
        print(f"\n{table(asked)}")  # noqa: T201 - CI shows it
    assert asked[0].operations == asked[0].operations_in_all
    assert asked[1].links > 0
    assert sum(each.findings for each in asked) == 0, table(asked)

"""F1, kill -9 of the API while programs publish: each acknowledged write is there, and each key had one effect."""

import random
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.settings import Settings
from tests.faults.commands import kill
from tests.faults.installation import installed
from tests.faults.report import Tell, Tried
from tests.harness.database import Database

KILLS = [pytest.param(1, 1, id="few"), pytest.param(2, 15, id="many", marks=pytest.mark.fault)]
# So many answers lie between two kills at most.
ANSWERS = 60


@pytest.mark.parametrize(("seed", "kills"), KILLS)
def test_what_was_acknowledged_outlives_the_api_and_a_key_has_one_effect(
    database: Database, settings: Settings, tmp_path: Path, tell: Tell, seed: int, kills: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test
    one = installed(database, tmp_path, settings)
    with ExitStack() as running:
        api = running.enter_context(one.serving())
        clients = one.clients(seed)
        longest = 0.0
        with clients.at_work():
            for _ in range(kills):
                clients.wait_for(chance.randint(1, ANSWERS))
                kill(api)
                struck = time.monotonic()
                api = running.enter_context(one.serving())
                longest = max(longest, clients.wait_for_all(struck))
    lost, broken = one.harm(clients)
    tell(Tried("F1", "the API is killed while 8 programs publish", kills, len(lost), len(broken), longest))
    assert (lost, broken) == ([], [])
    assert clients.statuses[0] > 0

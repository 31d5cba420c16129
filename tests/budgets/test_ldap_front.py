"""The front of LDAP lets an address have a day's bytes and connections, and no more."""

import json
import subprocess
import sys

import pytest

from tests.harness.ldap_front import DAY_BYTES, can_isolate


def test_an_address_gets_its_bytes_of_the_day_and_others_are_not_concerned() -> None:
    if not can_isolate():
        pytest.skip("it takes root and nftables")
    isolated = ["unshare", "-n", sys.executable, "-m", "tests.budgets.front_probe"]
    answer = subprocess.run(isolated, capture_output=True, text=True, check=True, timeout=120)
    told = json.loads(answer.stdout)
    assert DAY_BYTES // 2 < told["greedy"] <= DAY_BYTES
    assert told["again"] == 0
    assert told["other"] >= 100_000
    assert DAY_BYTES // 2 < told["greedy6"] <= DAY_BYTES
    assert told["neighbour6"] == 0, "a network of 56 bits is one address"
    assert told["other6"] >= 100_000
    assert 30 <= told["connections"] < 60
    # Who asked for a connection and got none is not counted: its address may be made up, and fill the sets.
    assert told["stranger"] == 0
    assert told["counted"] == ["127.0.0.2", "127.0.0.3", "127.0.0.4"]

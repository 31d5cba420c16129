"""What the API says of its replica."""

import re
import time

from starlette.testclient import TestClient

PATIENCE = 240.0
PAUSE_SECONDS = 0.02
COUNTED = re.compile(r'annuaire_standby_reads_total\{answered="(\w+)"\} (\d+)')


def counted(client: TestClient) -> dict[str, int]:
    """How many reads were answered by the replica, and by the primary for which reason."""
    return {answered: int(number) for answered, number in COUNTED.findall(client.get("/metrics").text)}


def until(client: TestClient, state: str) -> None:
    """Come back when the replica is in this state."""
    deadline = time.monotonic() + PATIENCE
    while (found := client.get("/readyz").json()["standby"]) != state:
        assert time.monotonic() < deadline, f"the replica is {found}, not {state}"
        time.sleep(PAUSE_SECONDS)

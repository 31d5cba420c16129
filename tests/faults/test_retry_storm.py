"""A storm of retries (F23): ten times the clients that have a place ask again at once, and the database stands still.

They ask as fast as they are refused, as no client should. Who writes waits as long as it is told, and tries again.
"""

import asyncio
import itertools
import json
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from psycopg import Connection
from pydantic import SecretStr

from app.access.keys import issue
from tests.bench.wires import HttpWire, Pool, http_request
from tests.builders import DOMAIN, a_mailbox, a_practitioner, an_operator, publish
from tests.faults.api import PEPPER, api
from tests.faults.report import Tell, Tried
from tests.harness.database import Database
from tests.publication.world import assert_world

PLACES, TIMES = 24, 10
WRITERS, WRITES = 4, 5
# Look-ups that must be answered one after the other before all is well.
CALM = 100
# Ten seconds are promised; a machine on which something else runs may take longer.
MOST_SECONDS = 30.0
BOX = f"a@{DOMAIN}"
RETRY = re.compile(rb"\r\nretry-after: (\d+)\r\n", re.IGNORECASE)
BUSY = {"server.busy", "database.unavailable", "database.timeout", "write.busy"}
Row = tuple[object, ...]


class Storm:
    """What was answered."""

    def __init__(self, port: int, key: str) -> None:
        self._key = key
        self._wild = Pool(HttpWire, port, PLACES * TIMES)
        self._others = Pool(HttpWire, port, WRITERS + 2)
        self.is_over = False
        self.statuses: Counter[int] = Counter()
        self.codes: Counter[str] = Counter()
        self.waits: Counter[int] = Counter()
        self.acknowledged: set[str] = set()

    def close(self) -> None:
        self._wild.close()
        self._others.close()

    async def ask(self, pool: Pool[HttpWire], request: bytes) -> int:
        """One request; a refusal must say when to come back. Returns how long it tells to wait, 0 for an answer."""
        status, answer = await pool.ask(request)
        self.statuses[status] += 1
        if status < 500:
            return 0
        found = RETRY.search(answer)
        assert found, answer
        self.waits[int(found[1])] += 1
        self.codes[json.loads(answer.partition(b"\r\n\r\n")[2])["code"]] += 1
        return int(found[1])

    async def retry(self) -> None:
        """One client that does not wait."""
        while not self.is_over:
            await self.ask(self._wild, http_request("GET", f"/v1/mailboxes/{BOX}", self._key))

    async def write(self, writer: int) -> None:
        """One that does, and repeats itself under its key."""
        for number in range(WRITES):
            address = f"w{writer}.{number}@{DOMAIN}"
            body = json.dumps({"type": "PER", "practitioner": "99900000060"}).encode()
            headers = {"content_type": "application/json", "idempotency_key": address, "if_none_match": "*"}
            request = http_request("PUT", f"/v1/mailboxes/{address}", self._key, body, **headers)
            while wait := await self.ask(self._others, request):  # noqa: ASYNC110 - it was told how long
                await asyncio.sleep(wait)
            self.acknowledged.add(address)

    async def watch(self) -> int:
        """What watches the node hears from it all the time. Returns how often it asked."""
        asked = 0
        while not self.is_over:
            for path in ("/healthz", "/readyz", "/metrics"):
                status, answer = await self._others.ask(http_request("GET", path, self._key))
                assert status == 200, answer
                asked += 1
            await asyncio.sleep(0.05)
        return asked

    async def calm(self) -> float:
        """Seconds until CALM look-ups in a row were answered."""
        began = time.monotonic()
        for row in itertools.count(1):
            if await self.ask(self._others, http_request("GET", f"/v1/mailboxes/{BOX}", self._key)):
                await asyncio.sleep(0.1)
                return await self.calm() + time.monotonic() - began
            if row == CALM:
                break
        return time.monotonic() - began


@pytest.mark.parametrize("seconds", [1.0, pytest.param(15.0, marks=pytest.mark.fault)])
def test_a_storm_is_refused_early_and_leaves_nothing_behind(
    database: Database, tmp_path: Path, tell: Tell, seconds: float
) -> None:
    with database.connect() as registry:
        person = a_practitioner(registry)
        operator = an_operator(registry, domains=(DOMAIN,))
        publish(registry, ("practitioner", person), ("mailbox", a_mailbox(registry, BOX)))
        _, key = issue(registry, SecretStr(PEPPER), "storm", ["publish"], operator)
        registry.commit()
    places = str(PLACES)
    with api(database, tmp_path, requests_at_once=places, database_pool="3", statement_timeout_ms="1000") as (_, port):
        storm, recovery = asyncio.run(_rage(port, key, database.connect(), seconds))
    assert set(storm.statuses) <= {200, 201, 503}, storm.statuses
    assert set(storm.codes) <= BUSY, storm.codes
    assert storm.codes["server.busy"] > PLACES * TIMES
    assert len(storm.waits) > 1
    with database.connect() as connection:
        rows = connection.execute("SELECT address FROM mailbox WHERE source = 'api'").fetchall()
        lost = storm.acknowledged - {address for (address,) in rows}
        acts = connection.execute("SELECT count(*) FROM audit WHERE object_kind = 'mailbox'").fetchone()
        assert acts == (WRITERS * WRITES,)
        assert_world(connection)
    tell(Tried("F23", f"{TIMES} times the clients", storm.statuses.total(), len(lost), 0, recovery))
    assert not lost
    assert recovery < MOST_SECONDS


async def _rage(port: int, key: str, blocker: "Connection[Row]", seconds: float) -> tuple[Storm, float]:
    """A storm while nothing is answered, then while everything is, then nobody."""
    storm = Storm(port, key)
    wild = [asyncio.create_task(storm.retry()) for _ in range(PLACES * TIMES)]
    writers = [asyncio.create_task(storm.write(number)) for number in range(WRITERS)]
    watching = asyncio.create_task(storm.watch())
    for hold in (True, False):
        if hold:
            blocker.execute("LOCK publication IN ACCESS EXCLUSIVE MODE")
        end = time.monotonic() + seconds
        before = storm.statuses[503]
        while time.monotonic() < end or (hold and storm.statuses[503] < before + 2 * PLACES * TIMES):
            await asyncio.sleep(0.05)
            assert not any(task.done() for task in (*wild, watching))
        blocker.rollback()
    storm.is_over = True
    await asyncio.gather(*wild)
    recovery = await storm.calm()
    await asyncio.gather(*writers)
    assert await watching
    storm.close()
    return storm, recovery

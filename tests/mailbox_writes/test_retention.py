"""Tombstones, withdrawn mailboxes and kept answers go after their time, and not before."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from starlette.testclient import TestClient

from app.mailboxes.retention import PORTION, prune
from app.settings import Settings
from tests.builders import DOMAIN, a_practitioner
from tests.harness.database import Database
from tests.mailbox_writes.operators import ADDRESS, Operator, per

Connection = psycopg.Connection[Any]


def test_each_thing_goes_after_its_own_time(
    operator: Operator, client: TestClient, api_settings: Settings, database: Database
) -> None:
    operator.put(ADDRESS, idempotency_key="first")
    operator.delete(ADDRESS, if_match=operator.tag(), idempotency_key="second")
    other = f"bob@{DOMAIN}"
    operator.put(other)
    with database.connect(autocommit=True) as connection:
        now = datetime.now(UTC)
        counts = []
        for age in (timedelta(0), timedelta(days=3), timedelta(days=366), timedelta(days=731)):
            prune(connection, api_settings, now + age)
            counts.append(
                tuple(
                    connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # type: ignore[index]
                    for table in ("idempotency_key", "withdrawn", "mailbox", "mailbox_attachment")
                )
            )
    assert counts == [(2, 1, 2, 2), (0, 1, 2, 2), (0, 0, 2, 2), (0, 0, 1, 1)]
    assert client.get(f"/v1/mailboxes/{ADDRESS}").json()["code"] == "mailbox.unknown"
    assert operator.get(other).status_code == 200


def test_a_tombstone_says_nothing_after_its_time_even_if_nobody_removed_it(
    operator: Operator, client: TestClient, world: Connection
) -> None:
    operator.put()
    operator.delete(ADDRESS, if_match=operator.tag())
    headers = {"X-Request-ID": "the-same"}
    assert client.get(f"/v1/mailboxes/{ADDRESS}").status_code == 410
    world.execute("UPDATE withdrawn SET since = since - interval '366 days'")
    world.commit()
    never = client.get(f"/v1/mailboxes/never@{DOMAIN}", headers=headers)
    assert client.get(f"/v1/mailboxes/{ADDRESS}", headers=headers).content == never.content


def test_after_the_quarantine_another_may_have_the_address(operator: Operator, world: Connection) -> None:
    a_practitioner(world, rpps="99900000078")
    world.commit()
    operator.put()
    operator.delete(ADDRESS, if_match=operator.tag())
    assert operator.put(ADDRESS, per(practitioner="99900000078")).json()["code"] == "mailbox.quarantined"
    world.execute("UPDATE mailbox SET withdrawn_at = withdrawn_at - interval '731 days'")
    world.commit()
    answer = operator.put(ADDRESS, per(practitioner="99900000078"))
    assert (answer.status_code, answer.json()["practitioner"]["rpps"]) == (201, "99900000078")
    assert len(answer.json()["attachments"]) == 1


def test_more_than_a_portion_goes_too(database: Database, api_settings: Settings) -> None:
    with database.connect(autocommit=True) as connection:
        connection.execute(
            "INSERT INTO withdrawn (address, since, reason) SELECT 'm' || n || '@x.mssante.fr',"
            " now() - interval '400 days', 'withdrawn' FROM generate_series(1, %s) n",
            [PORTION + 1],
        )
        prune(connection, api_settings, datetime.now(UTC))
        assert connection.execute("SELECT count(*) FROM withdrawn").fetchone() == (0,)

"""A caller sees its budget, and days that are over are forgotten."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.budgets.retention import prune
from app.duties.catalogue import DUTIES
from app.settings import Settings

Connection = psycopg.Connection[Any]
KeyFor = Callable[..., dict[str, str]]


def test_a_key_with_a_budget_sees_what_is_left(client: TestClient, people: list[str], key_for: KeyFor) -> None:
    bound = key_for("read", budget=3)
    before = client.get("/v1/me", headers=bound).json()["budget"]
    for person in people[:2]:
        client.get(f"/v1/practitioners/{person}", headers=bound)
    after = client.get("/v1/me", headers=bound)
    assert (before["persons"], before["left"]) == (3, 3)
    assert (after.json()["budget"]["persons"], after.json()["budget"]["left"]) == (3, 1)
    assert 0 < after.json()["budget"]["resets_in"] <= 90_000
    assert '"persons";r=1' in after.headers["ratelimit"]


def test_a_key_without_one_sees_that_it_has_none(client: TestClient, reader: dict[str, str]) -> None:
    assert client.get("/v1/me", headers=reader).json()["budget"] is None


@pytest.mark.parametrize(
    ("now", "kept"),
    [
        (datetime(2026, 11, 28, 22, 59, tzinfo=UTC), [28, 29]),
        (datetime(2026, 11, 28, 23, 1, tzinfo=UTC), [29]),
    ],
)
def test_days_that_are_over_in_france_are_forgotten(
    registry: Connection, settings: Settings, now: datetime, kept: list[int]
) -> None:
    for day in (27, 28, 29):
        registry.execute("INSERT INTO disclosure VALUES (make_date(2026, 11, %s), 'key:a', 'x')", (day,))
        registry.execute("INSERT INTO disclosure_day VALUES (make_date(2026, 11, %s), 'key:a', 1)", (day,))
    prune(registry, settings, now)
    for table in ("disclosure", "disclosure_day"):
        rows = registry.execute(f"SELECT extract(day FROM day)::int FROM {table} ORDER BY day").fetchall()
        assert [day for (day,) in rows] == kept


def test_the_worker_does_it_daily() -> None:
    assert [duty.every for duty in DUTIES if duty.do is prune] == ["day"]

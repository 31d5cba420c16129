"""Pools of the API whose server is away: whoever waits is served when it comes, and nobody has to ask again."""

import asyncio
from pathlib import Path

import pytest

from app import pools
from app.embedded import Postgres
from app.settings import Settings
from tests.harness.database import Database

# Of one series of attempts: the first fails at once, the second ends the series.
SERIES = 0.2


def test_who_waits_is_served_though_the_pool_gave_up_meanwhile(
    settings: Settings, database: Database, migrated: Postgres, open_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "POOL_SECONDS", SERIES)
    sockets = open_dir / "sockets"
    away = settings.model_copy(update={"database_url": f"postgresql://annuaire@/{database.name}?host={sockets}"})

    async def wait() -> object:
        async with pools.state_pool(away) as pool:
            waiting = asyncio.create_task(pool.getconn(timeout=60))
            # Longer than several series.
            await asyncio.sleep(SERIES * 10)
            sockets.symlink_to(migrated.socket_dir)
            connection = await waiting
            try:
                return await (await connection.execute("SELECT 1")).fetchone()
            finally:
                await pool.putconn(connection)

    assert asyncio.run(wait()) == (1,)

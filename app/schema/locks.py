"""What each migration locks: measured, on the schema before it, by tests.migrations.measured (migrations/locks.json).

A lock is told of tables and views that were there before: what a migration makes itself nobody else uses yet.
"""

import json
from functools import cache
from typing import NamedTuple

from app.schema.standing import LOCATION

MEASURED = LOCATION / "locks.json"
# Weaker ones stand in nobody's way but that of another upgrade.
BLOCKS = {
    "ACCESS EXCLUSIVE": "reads and writes",
    "EXCLUSIVE": "writes",
    "SHARE ROW EXCLUSIVE": "writes",
    "SHARE": "writes",
    "SHARE UPDATE EXCLUSIVE": "nothing",
}


class Lock(NamedTuple):
    """The strongest lock on one table or view. It is held until the migration ends, which is soon unless it `reads`
    or `rewrites` the table as a whole, or builds an index of it (`indexes`): then as long as its rows take."""

    table: str
    mode: str
    reads: bool = False
    rewrites: bool = False
    indexes: bool = False

    @property
    def blocks(self) -> str:
        """What others cannot do with it meanwhile."""
        return BLOCKS[self.mode]

    @property
    def is_long(self) -> bool:
        return self.reads or self.rewrites or self.indexes


@cache
def measured() -> dict[str, list[Lock]]:
    """The locks of each migration by its revision."""
    kept = json.loads(MEASURED.read_text(encoding="utf-8"))
    return {revision: [Lock(**lock) for lock in locks] for revision, locks in kept.items()}

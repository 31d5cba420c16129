"""The public part of the trust space as the pre-send check holds it: who serves which domain, and what looks like one.

It is what `/v1/trust/domains` publishes of operators that have not left, and it is made once for each state of the
trust space, by one of those who ask.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from anyio import Lock
from anyio.to_thread import run_sync

from app.publication.reading import Pool
from app.search.check_alike import LookAlikes

# An operator that left is seen no more: docs/trust.md, view domain_owner.
OWNERS = """
SELECT t.number, t.changed_at, d.name, d.operator, d.operator_name
FROM trust_edition t LEFT JOIN (
  SELECT DISTINCT d.name, o.id AS operator, o.name AS operator_name
  FROM domain d JOIN operator_certificate c ON c.dn = d.certificate JOIN operator o ON o.id = c.operator
  WHERE o.state <> 'left') d ON true
ORDER BY d.name COLLATE "C", d.operator COLLATE "C"
"""


class TrustState(NamedTuple):
    """Which state of the trust space: its number, and when it came to be."""

    number: int
    changed_at: datetime


class Owner(NamedTuple):
    """An operator that serves a domain."""

    id: str
    name: str


@dataclass(frozen=True)
class TrustSpace:
    """The listed domains of one state with their owners, and the index of what looks like them."""

    state: TrustState
    owners: Mapping[str, tuple[Owner, ...]]
    alikes: LookAlikes

    @classmethod
    def of(cls, state: TrustState, pairs: Iterable[tuple[str, str, str]]) -> "TrustSpace":
        """From (domain, id of an operator, its name)."""
        owners: dict[str, tuple[Owner, ...]] = {}
        for domain, operator, name in pairs:
            owners[domain] = (*owners.get(domain, ()), Owner(operator, name))
        return cls(state, owners, LookAlikes(owners))


class TrustSpaces:
    """Keeps the trust space of the present state."""

    def __init__(self) -> None:
        self._made: TrustSpace | None = None
        self._making = Lock()

    async def current(self, pool: Pool, state: TrustState) -> TrustSpace:
        """The trust space of this state; of a later one where it changed meanwhile."""
        made = self._made
        if made is None or made.state != state:
            async with self._making:
                made = self._made
                if made is None or made.state != state:
                    made = self._made = await _make(pool)
        return made


async def _make(pool: Pool) -> TrustSpace:
    async with pool.connection() as connection:
        rows = await (await connection.execute(OWNERS)).fetchall()
    pairs = [(name, operator, operator_name) for *_, name, operator, operator_name in rows if name is not None]
    # 0.1 s of a processor for the nation's 5 002 domains: other requests go on.
    return await run_sync(TrustSpace.of, TrustState(*rows[0][:2]), pairs)

"""The numbered state of the directory: edition, epoch, what waits, sources; and the digest, kept for its edition."""

import asyncio
import json

from app.publication.digest import DIGEST_SQL, Digest
from app.publication.reading import Pool

STATE = """
SELECT d.edition, json_build_object(
  'edition', d.edition, 'epoch', d.epoch,
  'publishing', (SELECT json_build_object('run', min(w.run), 'left', count(*)) FROM pending w HAVING count(*) > 0),
  'domain_rule', CASE WHEN (SELECT loaded FROM source WHERE name = 'liste_blanche') THEN 'on' ELSE 'off' END,
  'sources', (SELECT coalesce(json_agg(json_build_object(
      'name', s.name, 'loaded', s.loaded, 'stamp', s.stamp, 'run', s.run) ORDER BY s.name), '[]') FROM source s))::text
FROM directory d
"""
NUMBERED = "SELECT edition, epoch FROM directory"
# Reading the whole digest index takes seconds at national size.
DIGEST_TIMEOUT = "SET LOCAL statement_timeout = '120s'"


async def state(pool: Pool) -> tuple[int, bytes]:
    """(edition, body of /v1/edition), from one snapshot."""
    async with pool.connection() as connection:
        cursor = await connection.execute(STATE)
        edition, body = await cursor.fetchone() or (0, "{}")
    return edition, body.encode()


class Digests:
    """The digest of the current edition, computed once for each edition however many ask."""

    def __init__(self) -> None:
        self._kept: Digest | None = None
        self._computing = asyncio.Lock()

    async def current(self, pool: Pool) -> Digest:
        async with self._computing, pool.connection() as connection:
            numbered = await (await connection.execute(NUMBERED)).fetchone()
            if self._kept is None or numbered != (self._kept.edition, self._kept.epoch):
                async with connection.transaction():
                    await connection.execute(DIGEST_TIMEOUT)
                    row = await (await connection.execute(DIGEST_SQL)).fetchone()
                self._kept = Digest(*(row or ()))
            return self._kept


def digest_body(digest: Digest) -> bytes:
    """The body of /v1/digest."""
    return json.dumps(digest._asdict()).encode()

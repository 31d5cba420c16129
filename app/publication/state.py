"""The numbered state of the directory: edition, epoch, what waits, sources; and the digest, kept for its edition."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

from app.patience import longer_statements
from app.problems import RETRY_SECONDS, Problem
from app.publication.digest import NUMBERED, ONE_SNAPSHOT, AsyncConnection, Reckoned, reckon_async
from app.publication.reading import Pool
from app.signing import Signing

STATE = """
SELECT d.edition, json_build_object(
  'edition', d.edition, 'epoch', d.epoch,
  'publishing', (SELECT json_build_object('run', min(w.run), 'left', count(*)) FROM pending w HAVING count(*) > 0),
  'domain_rule', CASE WHEN (SELECT loaded FROM source WHERE name = 'liste_blanche') THEN 'on' ELSE 'off' END,
  'sources', (SELECT coalesce(json_agg(json_build_object(
      'name', s.name, 'loaded', s.loaded, 'stamp', s.stamp, 'run', s.run) ORDER BY s.name), '[]') FROM source s))::text
FROM directory d
"""
# All slots are hashed again after half the directory was changed at once, which takes seconds at national size.
DIGEST_SECONDS = 120
CHECKPOINT = "annuaire-checkpoint+jwt"
# Behind somebody who hashes nobody waits longer: whoever comes again finds the tree at hand.
TURN_SECONDS = 5.0


class DigestBeingReckoned(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "digest.being_reckoned"
    title = "The digest is being reckoned"


async def state(pool: Pool) -> tuple[int, bytes]:
    """(edition, body of /v1/edition), from one snapshot."""
    async with pool.connection() as connection:
        cursor = await connection.execute(STATE)
        edition, body = await cursor.fetchone() or (0, "{}")
    return edition, body.encode()


@dataclass(frozen=True)
class Proof:
    """The tree of one edition, its root, and the checkpoint that says so; none where nothing signs."""

    reckoned: Reckoned
    root: str
    checkpoint: str | None

    @property
    def body(self) -> bytes:
        """The body of /v1/digest."""
        edition, epoch, _ = self.reckoned
        return json.dumps(
            {"edition": edition, "epoch": epoch, "root": self.root, "checkpoint": self.checkpoint}
        ).encode()


class Digests:
    """The digest of the current edition, reckoned and signed once for each edition however many ask."""

    def __init__(self, signing: Signing, issuer: str) -> None:
        self._signer, self._issuer = signing.signer, issuer
        self._held: Proof | None = None
        self._reckoning = asyncio.Lock()

    async def current(self, pool: Pool) -> Proof:
        """The proof of the current edition. Raises DigestBeingReckoned."""
        async with self._turn():
            async with pool.connection() as connection:
                numbered = await (await connection.execute(NUMBERED)).fetchone()
            if self._held is None or numbered != self._held.reckoned[:2]:
                async with self._snapshot(pool) as connection:
                    return await self._reckoned(connection)
            return self._held

    @asynccontextmanager
    async def snapshot(self, pool: Pool) -> AsyncIterator[tuple[AsyncConnection, Proof]]:
        """A connection, and the proof of the edition that everything read on it belongs to.

        Raises DigestBeingReckoned.
        """
        # Taken in turns: a tree goes forward only, and a snapshot taken earlier would see an earlier edition.
        async with self._turn(), self._snapshot(pool) as connection:
            yield connection, await self._reckoned(connection)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One reckons at a time. A root of an earlier edition would be at hand, and would look like a difference."""
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._reckoning.acquire()
        except TimeoutError:
            raise DigestBeingReckoned(
                "Much was changed at once, and another request hashes it: ask again.", retry_after=RETRY_SECONDS
            ) from None
        try:
            yield
        finally:
            self._reckoning.release()

    @asynccontextmanager
    async def _snapshot(self, pool: Pool) -> AsyncIterator[AsyncConnection]:
        async with pool.connection() as connection, connection.transaction():
            for statement in ONE_SNAPSHOT:
                await connection.execute(statement)
            async with longer_statements(connection, DIGEST_SECONDS):
                yield connection

    async def _reckoned(self, connection: AsyncConnection) -> Proof:
        held = self._held.reckoned if self._held else None
        reckoned = await reckon_async(connection, held)
        if self._held is None or reckoned is not held:
            self._held = self._signed(reckoned)
        return self._held

    def _signed(self, reckoned: Reckoned) -> Proof:
        edition, epoch, root = reckoned.digest
        claims = {"iss": self._issuer, "edition": edition, "epoch": epoch, "root": root, "iat": int(time.time())}
        return Proof(reckoned, root, self._signer.sign(claims, CHECKPOINT) if self._signer else None)

"""When a credential was last used, noted in memory and written together, so that no request waits for it.

A row is written at most once a minute, however many processes use the key. What a killed process had noted is lost:
`last_used_at` may lag by a minute, and says so in the documentation.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.access.certificate_trust import Verified
from app.access.peppers import Pepper
from app.faults import fault

FLUSH_SECONDS = 20.0

logger = structlog.get_logger(__name__)

# Another process that writes the same row writes the same: what it holds is left to it, and nobody waits.
USED = text("""
WITH noted AS (
  SELECT n.id, n.at FROM unnest(CAST(:ids AS text[]), CAST(:times AS timestamptz[])) n(id, at)
  JOIN api_key k ON k.id = n.id
  WHERE k.last_used_at IS NULL OR k.last_used_at < n.at - interval '1 minute'
  FOR UPDATE OF k SKIP LOCKED
)
UPDATE api_key k SET last_used_at = n.at FROM noted n WHERE k.id = n.id
""")
SEEN = text("""
INSERT INTO client_certificate AS c (fingerprint, dn, expires_at, last_used_at)
SELECT s.fingerprint, s.dn, s.expires_at, s.at
FROM unnest(CAST(:fingerprints AS bytea[]), CAST(:names AS text[]), CAST(:ends AS timestamptz[]),
            CAST(:times AS timestamptz[])) s(fingerprint, dn, expires_at, at)
ORDER BY s.fingerprint
ON CONFLICT (fingerprint) DO UPDATE SET last_used_at = excluded.last_used_at
WHERE c.last_used_at < excluded.last_used_at - interval '1 minute'
""")
STORE = text("UPDATE api_key SET digest = :digest, pepper = :pepper WHERE id = :id")


class Usage:
    """What one process noted since it last wrote."""

    def __init__(self, pepper: Pepper) -> None:
        self._pepper = pepper
        self._keys: dict[str, datetime] = {}
        self._digests: dict[str, bytes] = {}
        self._certificates: dict[bytes, tuple[Verified, datetime]] = {}

    def note_key(self, identifier: str, digest_in_force: bytes | None) -> None:
        """The key was used now. `digest_in_force`: store it so from now on."""
        self._keys[identifier] = datetime.now(UTC)
        if digest_in_force is not None:
            self._digests[identifier] = digest_in_force

    def note_certificate(self, certificate: Verified) -> None:
        """The certificate was used now: its operator can be told before it ends."""
        self._certificates[certificate.fingerprint] = certificate, datetime.now(UTC)

    async def write(self, engine: AsyncEngine) -> None:
        """Write what was noted. When the database fails, the rest is kept for the next time."""
        # One transaction for each: rows locked in the order of our notes could wait for another process in a ring.
        for identifier, digest in list(self._digests.items()):
            async with engine.begin() as connection:
                await connection.execute(STORE, {"id": identifier, "digest": digest, "pepper": self._pepper.id})
            del self._digests[identifier]
        keys = self._keys.copy()
        if keys:
            async with engine.begin() as connection:
                await connection.execute(USED, {"ids": list(keys), "times": list(keys.values())})
            self._keys = {each: at for each, at in self._keys.items() if keys.get(each) != at}
        await self._write_certificates(engine)

    async def _write_certificates(self, engine: AsyncEngine) -> None:
        noted = self._certificates.copy()
        if not noted:
            return
        parameters = {
            "fingerprints": list(noted),
            "names": [certificate.name for certificate, _ in noted.values()],
            "ends": [certificate.expires_at for certificate, _ in noted.values()],
            "times": [at for _, at in noted.values()],
        }
        async with engine.begin() as connection:
            await connection.execute(SEEN, parameters)
        self._certificates = {each: use for each, use in self._certificates.items() if noted.get(each) != use}

    @asynccontextmanager
    async def kept(self, engine: AsyncEngine) -> AsyncIterator[None]:
        """Write now and then while the app serves, and once more at its end."""
        task = asyncio.create_task(self._write_every(engine))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self._try_to_write(engine)

    async def _write_every(self, engine: AsyncEngine) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self._try_to_write(engine)

    async def _try_to_write(self, engine: AsyncEngine) -> None:
        try:
            await self.write(engine)
        except (SQLAlchemyError, OSError) as error:
            # Nobody asked for it and nothing depends on it: the next time has another chance.
            logger.warning("uses of credentials were not written", error=fault(error))

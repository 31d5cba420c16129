"""Client certificates of requests: read from the proxy's header, verified, and remembered for a short while.

A certificate found good is not verified again for at most a minute, nor beyond its own end or that of its revocation
list; new files of authorities or lists are noticed within a second, and empty what was remembered. So a certificate
stops within a second of the list that revokes it.
"""

import asyncio
import hashlib
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from anyio import to_thread
from starlette.datastructures import Headers
from starlette.types import Scope

from app.access import certificate_header
from app.access.certificate_header import HeaderUnusable, Sent
from app.access.certificate_problems import CertificateFromElsewhere, CertificateInvalid, CertificateUnchecked
from app.access.certificate_trust import NotTrusted, Trust, TrustUnusable, Verified
from app.access.proxy import Proxies
from app.settings import Settings

LOOK_SECONDS = 1.0
REMEMBERED_FOR = timedelta(minutes=1)
MOST_REMEMBERED = 1_000

logger = structlog.get_logger(__name__)

# (path, number, time of change, size) of every file that the trust was read from
Look = tuple[tuple[str, int, int, int], ...]


class Certificates:
    """The client certificates of one app."""

    def __init__(self, settings: Settings, proxies: Proxies) -> None:
        self._proxies = proxies
        ca_file, crl = settings.client_ca_file, settings.client_crl
        self._files = TrustFiles(ca_file, crl) if ca_file and crl else None
        self._good: dict[bytes, Verified] = {}
        self._good_for: Trust | None = None

    async def of(self, scope: Scope) -> Verified | None:
        """The certificate that came with a request, None when none did.

        Raises CertificateFromElsewhere, CertificateInvalid or CertificateUnchecked: one that is sent is never ignored.
        """
        if not certificate_header.is_sent(scope):
            return None
        if not self._proxies.vouches(scope):
            raise CertificateFromElsewhere(
                "Only the proxy says which certificate its client holds: leave the header out."
            )
        if self._files is None:
            raise CertificateInvalid("This installation takes no client certificates.", reason="untrusted")
        try:
            return self._verified(certificate_header.read(Headers(scope=scope)), await self._files.current())
        except (HeaderUnusable, NotTrusted) as refusal:
            raise CertificateInvalid(str(refusal), reason=refusal.reason) from refusal
        except TrustUnusable as fault:
            raise CertificateUnchecked(f"Certificates cannot be checked now: {fault}.") from fault

    def _verified(self, sent: Sent, trust: Trust) -> Verified:
        now = datetime.now(UTC)
        if trust is not self._good_for:
            self._good.clear()
            self._good_for = trust
        key = _key_of(sent)
        found = self._good.get(key)
        if found is None or found.until <= now:
            found = trust.verify(sent, now)
            found = replace(found, until=min(found.until, now + REMEMBERED_FOR))
            if len(self._good) >= MOST_REMEMBERED:
                del self._good[next(iter(self._good))]
            self._good[key] = found
        return found


class TrustFiles:
    """The files of authorities and lists, read again when one of them changed."""

    def __init__(self, ca_file: Path, crl: Path) -> None:
        self._ca_file, self._crl = ca_file, crl
        self._looked_at = -LOOK_SECONDS
        self._look: Look | None = None
        self._trust: Trust | None = None
        self._fault = "the files were not read yet"
        self._reading = asyncio.Lock()

    async def current(self) -> Trust:
        """The trust of now. Raises TrustUnusable as long as the files are not good; a restart is never needed."""
        if self._is_due():
            async with self._reading:
                if self._is_due():
                    await to_thread.run_sync(self._look_again)
        if self._trust is None:
            raise TrustUnusable(self._fault)
        return self._trust

    def _is_due(self) -> bool:
        return time.monotonic() - self._looked_at >= LOOK_SECONDS

    def _look_again(self) -> None:
        try:
            look = look_at(self._ca_file, self._crl)
            if look != self._look:
                self._trust = Trust.read(self._ca_file, self._crl)
                self._look = look
        except (TrustUnusable, OSError) as error:
            self._trust, self._look = None, None
            if str(error) != self._fault:  # said once, however often somebody asks
                self._fault = str(error)
                logger.error("client certificates cannot be checked", error=self._fault)  # noqa: TRY400 - it is the reason
        self._looked_at = time.monotonic()


def look_at(ca_file: Path, crl: Path) -> Look:
    """What tells that a file was replaced, without reading it. Raises OSError."""
    files = [ca_file, *(sorted(crl.iterdir()) if crl.is_dir() else [crl])]
    states = [(each, each.stat()) for each in files]
    return tuple((str(each), state.st_ino, state.st_mtime_ns, state.st_size) for each, state in states)


def _key_of(sent: Sent) -> bytes:
    parts = (sent.certificate, *sent.chain)
    return hashlib.sha256(b"".join(len(each).to_bytes(4, "big") + each for each in parts)).digest()

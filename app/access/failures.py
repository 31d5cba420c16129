"""Wrong credentials cost whoever sends them: an address that sent many is refused before the database is asked.

    credential ─► was it good lately? ─► judged
                    └─ no ─► has its address sent too many wrong ones? ─► 429
                                └─ no ─► judged ─► wrong: taken out of the allowance of its address

So those who share an address with a flooder, behind a proxy of a hospital, go on with the keys that they used before;
only credentials that this process never saw good wait. No answer tells which of the two a credential was beyond that: a
key that is revoked is forgotten with its first refusal.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable

from fastapi import Request
from starlette.types import Scope

from app.access.caller import Identity
from app.access.certificate_header import CERTIFICATE, CHAIN
from app.access.certificate_problems import CertificateFromElsewhere, CertificateInvalid, CertificateUnknown
from app.budgets.allowance import RateExceeded, neighbourhood
from app.budgets.rate import Rates
from app.problems import CredentialsInvalid
from app.settings import Settings

HEADERS = frozenset({b"authorization", CERTIFICATE.encode(), CHAIN.encode()})
WRONG = (CredentialsInvalid, CertificateFromElsewhere, CertificateInvalid, CertificateUnknown)
# Those that were not used for longest are forgotten first: they are judged like any other.
MOST_GOOD = 20_000

Identify = Callable[[Request], Awaitable[Identity]]


class Failures:
    """What this process knows of wrong credentials and good ones. It holds no credential, only hashes."""

    def __init__(self, settings: Settings, rates: Rates | None = None) -> None:
        self._a_minute = settings.failed_rate
        self._rates = rates or Rates()
        self._key = secrets.token_bytes(32)
        self._good: dict[bytes, None] = {}

    async def judged(self, request: Request, identify: Identify) -> Identity:
        """Who sent the request, as `identify` finds it. Raises RateExceeded, and what that raises."""
        sent = self._digest(request.scope)
        if sent is None or not self._a_minute:
            return await identify(request)
        address = neighbourhood(request.app.state.proxies.client_address(request.scope))
        if sent not in self._good:
            self._require_left(address)
        try:
            identity = await identify(request)
        except WRONG:
            self._good.pop(sent, None)
            self._rates.take(address, self._a_minute)
            raise
        self._remember(sent)
        return identity

    def _require_left(self, address: str) -> None:
        wait = self._rates.wait(address, self._a_minute)
        if wait:
            seconds = int(wait) + 1
            raise RateExceeded(
                f"Too many wrong credentials came from this address: wait {seconds} s.", retry_after=seconds
            )

    def _remember(self, sent: bytes) -> None:
        self._good.pop(sent, None)
        self._good[sent] = None
        if len(self._good) > MOST_GOOD:
            del self._good[next(iter(self._good))]

    def _digest(self, scope: Scope) -> bytes | None:
        """What was sent, under a key of this process: how long it takes to find it tells nothing of others'."""
        lines = [name + b"\x00" + value for name, value in scope["headers"] if name in HEADERS]
        return hashlib.blake2b(b"\x00".join(lines), key=self._key, digest_size=16).digest() if lines else None

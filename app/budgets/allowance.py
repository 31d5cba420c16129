"""What the caller of one request may still do: a rate for everybody, a budget of persons for those who are bound.

Bound are anonymous callers, each address by itself, and keys that were issued with a budget. Every other key belongs to
an admitted consumer, who may copy the whole directory from the feed: its rate is limited, and nothing else.
"""

from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address, ip_network

from app.budgets.ledger import Account, Ledger, Standing
from app.budgets.rate import Rates
from app.pools import counting_pool
from app.problems import Problem
from app.settings import Settings

# A household or a practice is given a /56 of IPv6 (RIPE-690): whoever changes the address within it stays the same.
IPV6_PREFIX = 56


class RateExceeded(Problem):
    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "rate.exceeded"
    title = "Too many requests in a short time"


@dataclass(slots=True)
class Allowance:
    """What one caller may do. `budget` None: as many persons as it likes; `a_minute` 0: as fast as it likes."""

    caller: str
    budget: int | None
    a_minute: int
    is_anonymous: bool = False
    requests_left: int = 0
    standing: Standing | None = None

    @property
    def account(self) -> Account | None:
        return None if self.budget is None else Account(self.caller, self.budget)


class Budgets:
    """The rates and budgets of one app."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.pool = counting_pool(settings)
        self._rates = Rates()
        self.ledger = Ledger(self.pool, settings.key_pepper)

    async def open(self) -> None:
        await self.pool.open(wait=False)

    async def close(self) -> None:
        await self.pool.close()

    def allowance(self, credential: str | None, budget: int | None, address: str | None) -> Allowance:
        """The allowance of a caller: `credential` names it, None = anonymous, known by its address alone."""
        if credential is None:
            caller, budget = f"address:{neighbourhood(address)}", self._settings.anonymous_budget or None
            allowance = Allowance(caller, budget, self._settings.anonymous_rate, is_anonymous=True)
        else:
            allowance = Allowance(credential, budget, self._settings.key_rate)
        if allowance.budget is not None:
            allowance.standing = self.ledger.remembered(allowance.caller)
        return allowance

    def take(self, allowance: Allowance) -> None:
        """Count one request. Raises RateExceeded."""
        if not allowance.a_minute:
            return
        taken = self._rates.take(allowance.caller, allowance.a_minute)
        if taken.wait:
            seconds = int(taken.wait) + 1
            raise RateExceeded(
                f"At most {allowance.a_minute} requests a minute: wait {seconds} s.", retry_after=seconds
            )
        allowance.requests_left = taken.left


@lru_cache(10_000)
def neighbourhood(address: str | None) -> str:
    """The part of an address that one anonymous caller has to itself: an IPv4 address, or a network of IPv6."""
    if address is None:
        return "local"
    try:
        parsed = ip_address(address)
    except ValueError:  # a socket, or a test
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, IPV6_PREFIX), strict=False))
    return str(parsed)

"""Who is calling: the holder of a key, or nobody in particular."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Request

from app.access.key_check import find
from app.access.key_form import KeyInvalid, Presented, parse
from app.problems import CredentialsInvalid

Scope = Literal["read", "publish", "admin", "audit"]
# Whoever publishes or administers also reads.
IMPLIED: Mapping[str, frozenset[str]] = {
    "read": frozenset({"read"}),
    "publish": frozenset({"publish", "read"}),
    "admin": frozenset({"admin", "read"}),
    "audit": frozenset({"audit"}),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller of a request. Anonymous: `id` is None and nothing is granted.

    `credential` says by what it was known, for the audit trail: `key:<id>`, `certificate:<first 16 hex digits of its
    SHA-256>` or `token:<id of the client's key>`. `certificate` is the canonical name of the client certificate, if one
    came with the request. `is_strong`: proved by a private key (certificate, private_key_jwt), not by a shared secret.
    `budget`: persons this caller may newly see in a day; None = not bound by one. `expires_at`: when the key or token
    ends.
    """

    id: str | None = None
    name: str | None = None
    operator: str | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)
    credential: str | None = None
    certificate: str | None = None
    is_strong: bool = False
    budget: int | None = None
    expires_at: datetime | None = None
    certificate_expires_at: datetime | None = None

    def may(self, scope: Scope) -> bool:
        return any(scope in IMPLIED[each] for each in self.scopes)


ANONYMOUS = Identity()


def caller(request: Request) -> Identity:
    """Who is calling, as the guard of the route found it (app.access.rules)."""
    identity: Identity = request.state.caller
    return identity


Caller = Annotated[Identity, Depends(caller)]


async def identify(request: Request) -> Identity:
    """The holder of the key that was sent, or ANONYMOUS when none was. Raises CredentialsInvalid."""
    header = request.headers.get("authorization")
    if header is None:
        return ANONYMOUS
    state = request.app.state
    try:
        found = await find(state.pool, state.peppers, _bearer(header))
    except KeyInvalid as fault:
        raise CredentialsInvalid(str(fault)) from None
    state.usage.note_key(found.id, found.digest_in_force)
    return Identity(
        found.id,
        found.name,
        found.operator,
        frozenset(found.scopes),
        credential=f"key:{found.id}",
        budget=found.budget,
        expires_at=found.expires_at,
    )


def _bearer(header: str) -> Presented:
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer":
        raise KeyInvalid("Use the form `Authorization: Bearer KEY`.")
    return parse(key.strip())

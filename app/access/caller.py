"""Who is calling: the holder of a key, or nobody in particular."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from fastapi import Depends, Request

from app.access.keys import KeyInvalid, Presented, find, parse
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
    `budget`: persons this caller may newly see in a day; None = not bound by one.
    """

    id: str | None = None
    name: str | None = None
    operator: str | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)
    credential: str | None = None
    certificate: str | None = None
    is_strong: bool = False
    budget: int | None = None

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
    try:
        presented = _bearer(header)
        found = await find(request.app.state.pool, request.app.state.settings.key_pepper, presented)
    except KeyInvalid as fault:
        raise CredentialsInvalid(str(fault)) from None
    return Identity(found.id, found.name, found.operator, frozenset(found.scopes), credential=f"key:{found.id}")


def _bearer(header: str) -> Presented:
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer":
        raise KeyInvalid("Use the form `Authorization: Bearer KEY`.")
    return parse(key.strip())

"""Who is calling: the holder of a key, an operator by its certificate, or nobody in particular."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal, get_args

from fastapi import Depends, Request

Scope = Literal["read", "publish", "admin", "audit"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
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

"""Who is calling: the holder of a key, an operator by its certificate, or nobody in particular."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Request

from app.access.certificate_problems import CertificateUnknown
from app.access.certificate_trust import Verified
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

OPERATOR_OF = """
SELECT o.id, o.name FROM operator_certificate c JOIN operator o ON o.id = c.operator WHERE c.dn = %s
"""
FINGERPRINT_DIGITS = 16


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
    """Who sent the request, by its key, its certificate or both; ANONYMOUS when it carries neither.

    Both together must be of one operator. Raises CredentialsInvalid, and the problems of app.access.certificates.
    """
    certificate = await request.app.state.certificates.of(request.scope)
    headers = request.headers.getlist("authorization")
    if len(headers) > 1:
        raise CredentialsInvalid("Send the header Authorization once.")
    holder = await _holder(request, headers[0]) if headers else None
    if certificate is None:
        return holder or ANONYMOUS
    owner = await _owner(request, certificate)
    if holder is None:
        return owner
    if holder.operator != owner.operator:
        raise CredentialsInvalid("The key and the client certificate are not of the same operator.")
    return replace(
        holder,
        certificate=owner.certificate,
        certificate_expires_at=owner.certificate_expires_at,
        is_strong=True,
    )


async def _holder(request: Request, header: str) -> Identity:
    """Who holds the key that was sent."""
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


async def _owner(request: Request, certificate: Verified) -> Identity:
    """The operator to which the white list gives the certificate. Asked each time: a name taken away stops at once."""
    async with request.app.state.pool.connection() as connection:
        row = await (await connection.execute(OPERATOR_OF, (certificate.name,))).fetchone()
    if row is None:
        raise CertificateUnknown(f"No operator has a certificate of the name {certificate.name}.")
    request.app.state.usage.note_certificate(certificate)
    operator, name = row
    fingerprint = certificate.fingerprint.hex()[:FINGERPRINT_DIGITS]
    return Identity(
        fingerprint,
        name,
        operator,
        frozenset({"publish"}),
        credential=f"certificate:{fingerprint}",
        certificate=certificate.name,
        is_strong=True,
        certificate_expires_at=certificate.expires_at,
    )


def _bearer(header: str) -> Presented:
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer":
        raise KeyInvalid("Use the form `Authorization: Bearer KEY`.")
    return parse(key.strip())

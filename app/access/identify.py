"""Who sent a request: what it carries, a key, a token, a client certificate or two of them, is judged here.

Nothing that is sent is ignored: a key with a mistake in it, or a certificate of nobody, must not pass for anonymous.
"""

from dataclasses import replace

from fastapi import Request

from app.access import tokens
from app.access.caller import ANONYMOUS, Identity
from app.access.certificate_problems import CertificateUnknown
from app.access.certificate_trust import Verified
from app.access.key_check import find
from app.access.key_form import KeyInvalid, parse
from app.problems import CredentialsInvalid

OPERATOR_OF = """
SELECT o.id, o.name FROM operator_certificate c JOIN operator o ON o.id = c.operator WHERE c.dn = %s
"""
FINGERPRINT_DIGITS = 16


async def identify(request: Request) -> Identity:
    """The caller of a request; ANONYMOUS when it carries nothing.

    A key or token that comes with a certificate must be of its operator. Raises CredentialsInvalid, and the problems of
    app.access.certificate_problems.
    """
    certificate = await request.app.state.certificates.of(request.scope)
    headers = request.headers.getlist("authorization")
    if len(headers) > 1:
        raise CredentialsInvalid("Send the header Authorization once.")
    holder = await _holder(request, headers[0], certificate) if headers else None
    if certificate is None:
        return holder or ANONYMOUS
    owner = await owner_of(request, certificate)
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


async def owner_of(request: Request, certificate: Verified) -> Identity:
    """The operator to which the white list gives the certificate. Asked each time: a name taken away stops at once.

    Raises CertificateUnknown.
    """
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


async def _holder(request: Request, header: str, certificate: Verified | None) -> Identity:
    """Who holds the key or the token that was sent."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "bearer":
        raise CredentialsInvalid("Use the form `Authorization: Bearer KEY`.")
    sent = rest.strip()
    try:
        return await (_client(request, sent, certificate) if tokens.is_token(sent) else _key(request, sent))
    except KeyInvalid as fault:
        raise CredentialsInvalid(str(fault)) from None


async def _key(request: Request, key: str) -> Identity:
    state = request.app.state
    found = await find(state.pool, state.peppers, parse(key))
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


async def _client(request: Request, token: str, certificate: Verified | None) -> Identity:
    found = await tokens.find(request.app.state.pool, token)
    if found.certificate is not None and (certificate is None or certificate.fingerprint != found.certificate):
        raise KeyInvalid("This token is good only with the client certificate that it was got with.")
    return Identity(
        found.client,
        found.name,
        found.operator,
        frozenset(found.scopes),
        credential=f"token:{found.client}",
        is_strong=True,
        expires_at=found.expires_at,
    )

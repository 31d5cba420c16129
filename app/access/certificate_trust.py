"""Whether a certificate is one of an authority that we trust, for what it is used for, now: verified again by us.

The proxy has verified it too. We do not lean on that: one line missing in its configuration would let anybody in.

    anchors       the authorities of ANNUAIRE_CLIENT_CA_FILE. Each is an end of the chain, root or not: naming the
                  authority that issues to organisations keeps out its sisters below the same root
    chain         RFC 5280 as `cryptography` checks it: signatures, validity, names, basic constraints, key usage
    usage         extended key usage clientAuth, key usage digitalSignature; anyExtendedKeyUsage is not enough
    revocation    every certificate of the chain below its anchor (app.access.revocation)
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

from app.access.certificate_header import Sent
from app.access.distinguished_name import InvalidDistinguishedName, of_name
from app.access.malformed import MALFORMED
from app.access.revocation import ListUnusable, RevocationLists, Revoked

PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class TrustUnusable(Exception):
    """Nobody's certificate can be verified: the message says which file is wrong, or which list is out of date."""


class NotTrusted(Exception):
    """A certificate that is refused: `reason` is a stable word, the message a sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Verified:
    """A certificate that was found good. `name`: the canonical name of its subject; `until`: when to look again."""

    fingerprint: bytes
    name: str
    expires_at: datetime
    until: datetime


class Trust:
    """The anchors and the revocation lists, as they were read at one time."""

    def __init__(self, anchors: Sequence[x509.Certificate], lists: RevocationLists) -> None:
        self._anchors = anchors
        self._store = Store(list(anchors))
        self._lists = lists

    @classmethod
    def read(cls, ca_file: Path, crl: Path) -> "Trust":
        """Raises TrustUnusable."""
        try:
            return cls(_anchors_in(ca_file), RevocationLists.read(crl))
        except (OSError, ListUnusable) as error:
            raise TrustUnusable(str(error)) from error

    def lists_until(self, now: datetime) -> datetime:
        """When the first of the anchors' lists runs out. Raises TrustUnusable."""
        try:
            return min(self._lists.in_force(each, now)[1] for each in self._anchors)
        except ListUnusable as error:
            raise TrustUnusable(str(error)) from error

    def verify(self, sent: Sent, now: datetime) -> Verified:
        """The certificate, found good. Raises NotTrusted or TrustUnusable."""
        try:
            return self._verify(
                x509.load_der_x509_certificate(sent.certificate),
                [x509.load_der_x509_certificate(each) for each in sent.chain],
                now,
            )
        except InvalidDistinguishedName as error:
            raise NotTrusted("name", f"Its name cannot be used: {error}.") from error
        except MALFORMED as error:
            # Parts are decoded when they are looked at.
            raise NotTrusted("malformed", "It is no certificate that can be read.") from error

    def _verify(self, certificate: x509.Certificate, chain: list[x509.Certificate], now: datetime) -> Verified:
        _require_time(certificate, now)
        _require_usage(certificate)
        whole = self._chain_of(certificate, chain, now)
        until = min(each.not_valid_after_utc for each in whole)
        for one, issuer in pairwise(whole):
            until = min(until, self._not_revoked(one, issuer, now))
        name = of_name(certificate.subject)
        return Verified(certificate.fingerprint(SHA256()), name, certificate.not_valid_after_utc, until)

    def _chain_of(
        self, certificate: x509.Certificate, chain: list[x509.Certificate], now: datetime
    ) -> list[x509.Certificate]:
        policy = PolicyBuilder().store(self._store).time(now)
        policy = policy.extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=LEAF)
        try:
            return policy.build_client_verifier().verify(certificate, chain).chain
        except VerificationError as error:
            raise NotTrusted("untrusted", "No authority that is trusted here issued it.") from error

    def _not_revoked(self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> datetime:
        try:
            return self._lists.check(certificate, issuer, now)
        except Revoked as error:
            raise NotTrusted("revoked", f"It is no longer good: {error}.") from error
        except ListUnusable as error:
            raise TrustUnusable(str(error)) from error


def _anchors_in(file: Path) -> list[x509.Certificate]:
    """Every authority of a PEM file. Raises TrustUnusable, also for a certificate that is no authority: it would vouch
    for itself.
    """
    try:
        anchors = [x509.load_pem_x509_certificate(each) for each in PEM.findall(file.read_bytes())]
        for each in anchors:
            if not each.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
                raise TrustUnusable(f"{file.name}: {each.subject.rfc4514_string()} is no authority")
    except (*MALFORMED, x509.ExtensionNotFound) as error:
        raise TrustUnusable(f"{file.name} holds a certificate that is no authority's: {error}") from error
    if not anchors:
        raise TrustUnusable(f"{file.name} holds no certificate")
    return anchors


def _require_time(certificate: x509.Certificate, now: datetime) -> None:
    if now > certificate.not_valid_after_utc:
        raise NotTrusted("expired", f"It expired on {certificate.not_valid_after_utc:%d %B %Y}.")
    if now < certificate.not_valid_before_utc:
        raise NotTrusted("not_yet_valid", f"It is valid from {certificate.not_valid_before_utc:%d %B %Y} on.")


def _require_usage(certificate: x509.Certificate) -> None:
    try:
        extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        raise NotTrusted("usage", "It does not say that it is for client authentication.") from error
    if ExtendedKeyUsageOID.CLIENT_AUTH not in extended or not usage.digital_signature:
        raise NotTrusted("usage", "It is not for client authentication.")


def _not_an_authority(_: Policy, __: x509.Certificate, constraints: x509.BasicConstraints | None) -> None:
    if constraints is not None and constraints.ca:
        raise ValueError("an authority is no client")


# What the web asks of a server does not bind a client: no name of a host. Usage was looked at before, and told apart.
LEAF = (
    ExtensionPolicy.webpki_defaults_ee()
    .may_be_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
    .require_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, None)
    .require_present(x509.KeyUsage, Criticality.AGNOSTIC, None)
    .may_be_present(x509.BasicConstraints, Criticality.AGNOSTIC, _not_an_authority)
)

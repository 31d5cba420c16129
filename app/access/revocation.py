"""Revocation lists (RFC 5280 §5): read from a file or a folder, and asked whether a certificate was revoked.

A list counts only when its issuer signed it and its time has not passed. Without a list that counts nobody knows
whether a certificate is good, so none is taken: an attacker who can keep lists from us must gain nothing by it.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

from app.access.malformed import MALFORMED

PEM = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
# Every other critical extension changes what the list speaks of (a part of the certificates, those of other issuers).
UNDERSTOOD = {x509.CRLNumber.oid, x509.AuthorityKeyIdentifier.oid}
SIGNING_KEYS = (EllipticCurvePublicKey, RSAPublicKey)


class Revoked(Exception):
    """The certificate is on the list of its issuer."""


class ListUnusable(Exception):
    """No list answers for this issuer: the message says which one and why."""


class RevocationList(NamedTuple):
    """One list, and what stands on it: parts of `signed` are decoded when they are looked at, and fail then.

    `revoked`: numbers of certificates. `until` is None where it does not say when the next one comes.
    """

    signed: x509.CertificateRevocationList
    issuer: bytes
    since: datetime
    until: datetime | None
    revoked: frozenset[int]
    source: str


class RevocationLists:
    """Every list that was read, by issuer, the newest first."""

    def __init__(self, lists: Iterable[RevocationList]) -> None:
        self._by_issuer: dict[bytes, list[RevocationList]] = {}
        for each in sorted(lists, key=lambda each: each.since, reverse=True):
            self._by_issuer.setdefault(each.issuer, []).append(each)
        # Checking the signature of a large list takes milliseconds: once for each issuer that uses a name.
        self._signed: dict[bytes, RevocationList] = {}

    @classmethod
    def read(cls, path: Path) -> "RevocationLists":
        """The lists in a file (PEM, several allowed, or DER), or in every file of a folder.

        Raises ListUnusable for a file that holds none, or one that cannot be relied on; OSError.
        """
        files = sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]
        return cls(found for file in files for found in _lists_in(file))

    def check(self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> datetime:
        """Until when the answer "not revoked" holds. Raises Revoked or ListUnusable."""
        found, until = self.in_force(issuer, now)
        if certificate.serial_number in found.revoked:
            raise Revoked(f"its issuer {issuer.subject.rfc4514_string()} revoked it")
        return until

    def in_force(self, issuer: x509.Certificate, now: datetime) -> tuple[RevocationList, datetime]:
        """The list of this issuer that counts now, and until when. Raises ListUnusable."""
        found = self._list_of(issuer)
        name = issuer.subject.rfc4514_string()
        if found.until is None or found.until <= now:
            ended = f"ended on {found.until:%Y-%m-%d %H:%M} UTC" if found.until else "does not say until when it holds"
            raise ListUnusable(f"the revocation list of {name} {ended} ({found.source})")
        if found.since > now:
            raise ListUnusable(f"the revocation list of {name} is of the future ({found.source})")
        return found, found.until

    def _list_of(self, issuer: x509.Certificate) -> RevocationList:
        key = issuer.fingerprint(SHA256())
        if key not in self._signed:
            self._signed[key] = self._find(issuer)
        return self._signed[key]

    def _find(self, issuer: x509.Certificate) -> RevocationList:
        """The newest list that this issuer signed; another authority may use the same name."""
        name = issuer.subject.rfc4514_string()
        named = self._by_issuer.get(issuer.subject.public_bytes(), [])
        if not named:
            raise ListUnusable(f"there is no revocation list of {name}")
        if not _may_sign_lists(issuer):
            raise ListUnusable(f"{name} may not sign revocation lists")
        for each in named:
            if _is_signed_by(each.signed, issuer):
                return each
        raise ListUnusable(f"the revocation list of {name} was not signed by it ({named[0].source})")


def _lists_in(file: Path) -> Iterator[RevocationList]:
    content = file.read_bytes()
    blocks = PEM.findall(content)
    try:
        signed = [x509.load_pem_x509_crl(each) for each in blocks] or [x509.load_der_x509_crl(content)]
        for each in signed:
            _require_whole(each, file.name)
            yield RevocationList(
                each,
                each.issuer.public_bytes(),
                each.last_update_utc,
                each.next_update_utc,
                frozenset(entry.serial_number for entry in each),
                file.name,
            )
    except MALFORMED as error:
        raise ListUnusable(f"{file.name} holds no revocation list that can be read: {error}") from error


def _require_whole(signed: x509.CertificateRevocationList, source: str) -> None:
    """Refuse a list of only a part of the certificates: what is not on it may be on another."""
    for extension in signed.extensions:
        if extension.critical and extension.oid not in UNDERSTOOD:
            raise ListUnusable(f"{source} is a revocation list of a kind that is not understood ({extension.oid})")


def _is_signed_by(signed: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        algorithm = signed.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return False
    if not isinstance(algorithm, SHA256 | SHA384 | SHA512):
        return False
    key = issuer.public_key()
    return isinstance(key, SIGNING_KEYS) and signed.is_signature_valid(key)


def _may_sign_lists(issuer: x509.Certificate) -> bool:
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True

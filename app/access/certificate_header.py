"""What a proxy writes of the certificate that its client proved to hold, as bytes.

    Client-Cert: :MIIB…=:                               RFC 9440, a byte sequence of RFC 8941
    Client-Cert: -----BEGIN%20CERTIFICATE-----%0AMII…   nginx, which can only give $ssl_client_escaped_cert
    Client-Cert-Chain: :MIIC…=:, :MIID…=:               RFC 9440, the certificates above it, if the proxy gives them

Both forms of the first are told apart by their first character, so that every proxy has the same header to set and to
delete.
"""

import binascii
import re
from base64 import b64decode
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.types import Scope

CERTIFICATE, CHAIN = "client-cert", "client-cert-chain"
NAMES = frozenset({CERTIFICATE.encode(), CHAIN.encode()})
LARGEST_HEADER = 16_384
LONGEST_CHAIN = 4
BYTES = re.compile(r":([A-Za-z0-9+/]+={0,2}):")
PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*")


class HeaderUnusable(ValueError):
    """The headers do not say one certificate: `reason` is a stable word, the message a sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Sent(NamedTuple):
    """A certificate and those above it, as DER. Nothing is known of them yet."""

    certificate: bytes
    chain: tuple[bytes, ...]


def is_sent(scope: Scope) -> bool:
    """Whether a request speaks of a certificate at all."""
    return any(name in NAMES for name, _ in scope["headers"])


def read(headers: Headers) -> Sent:
    """The certificate that the headers give. Raises HeaderUnusable."""
    certificate, chain = headers.getlist(CERTIFICATE), headers.getlist(CHAIN)
    if len(certificate) > 1 or len(chain) > 1:
        # Two of them are what a forger adds to the one that the proxy set: neither is to be chosen.
        raise HeaderUnusable("duplicated", "The header Client-Cert or Client-Cert-Chain came twice.")
    if not certificate:
        raise HeaderUnusable("malformed", "The header Client-Cert-Chain came without Client-Cert.")
    if max(map(len, certificate + chain)) > LARGEST_HEADER:
        raise HeaderUnusable("malformed", f"A header is longer than {LARGEST_HEADER} characters.")
    above = [each.strip() for line in chain for each in line.split(",")]
    if len(above) > LONGEST_CHAIN:
        raise HeaderUnusable("malformed", f"Client-Cert-Chain names more than {LONGEST_CHAIN} certificates.")
    return Sent(_one(certificate[0].strip()), tuple(_byte_sequence(each) for each in above))


def _one(text: str) -> bytes:
    return _byte_sequence(text) if text.startswith(":") else _escaped_pem(text)


def _byte_sequence(text: str) -> bytes:
    match = BYTES.fullmatch(text)
    if not match:
        raise HeaderUnusable("malformed", "A certificate is written as :BASE64: (RFC 9440), or as escaped PEM.")
    return _decoded(match[1].encode())


def _escaped_pem(text: str) -> bytes:
    match = PEM.fullmatch(unquote_to_bytes(text))
    if not match:
        raise HeaderUnusable("malformed", "A certificate is written as :BASE64: (RFC 9440), or as escaped PEM.")
    return _decoded(b"".join(match[1].split()))


def _decoded(text: bytes) -> bytes:
    try:
        return b64decode(text, validate=True)
    except binascii.Error as error:
        raise HeaderUnusable("malformed", "What stands for a certificate is no base64.") from error

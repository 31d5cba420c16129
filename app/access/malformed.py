"""What `cryptography` raises for bytes that are no certificate, or no revocation list: not all are ValueErrors."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

MALFORMED = (
    ValueError,
    # Of a name with an attribute of bits, which only one kind of attribute may be.
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)

"""Signatures of our white list: XMLDSig inside the document, and a JWS of the same content.

The key and its certificate are files. RSA signs by PKCS#1 v1.5, so that every node gives the same bytes; with a key on
an elliptic curve each signature differs, and so does the ETag from node to node.
"""

from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64encode
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.signer import XMLSigner

from app.access.malformed import MALFORMED
from app.console import Refused, one_line
from app.settings import Settings

SMALLEST_RSA = 2_048
# Curve → (XMLDSig, JWS).
CURVES = {
    "secp256r1": (SignatureMethod.ECDSA_SHA256, "ES256"),
    "secp384r1": (SignatureMethod.ECDSA_SHA384, "ES384"),
}
Key = RSAPrivateKey | EllipticCurvePrivateKey


@dataclass(frozen=True)
class Signer:
    """A private key with its certificate, and the algorithms that go with it."""

    key: Key
    certificate: x509.Certificate
    xml_method: SignatureMethod
    jws_algorithm: str

    def enveloped(self, root: Any) -> Any:
        """The document with a signature as its last child, the certificate in it (XMLDSig, exclusive c14n, SHA-256)."""
        signer = XMLSigner(
            method=SignatureConstructionMethod.enveloped,
            signature_algorithm=self.xml_method,
            digest_algorithm=DigestAlgorithm.SHA256,
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )
        return signer.sign(root, key=self.key, cert=[self.certificate])

    def compact(self, payload: bytes) -> str:
        """The payload as a JWS in compact form. The header names the certificate (`x5t#S256`) and does not bring it:
        whoever trusts the one inside trusts anybody, and readers bound the size of a header.
        """
        header = {
            "alg": self.jws_algorithm,
            "typ": "JOSE",
            "cty": "application/json",
            "x5t#S256": urlsafe_b64encode(self.certificate.fingerprint(SHA256())).decode(),
        }
        key = RSAKey.import_key(self.key) if isinstance(self.key, RSAPrivateKey) else ECKey.import_key(self.key)
        return jws.serialize_compact(header, payload, key, algorithms=[self.jws_algorithm])


def signer_of(settings: Settings) -> Signer | None:
    """The signer that the settings name; None where they name none. Raises Refused: files that cannot sign."""
    key_path, certificate_path = settings.white_list_key, settings.white_list_certificate
    if key_path is None and certificate_path is None:
        return None
    if key_path is None or certificate_path is None:
        raise Refused(
            "WHITE_LIST_KEY and WHITE_LIST_CERTIFICATE go together: one of them is missing", "setting.invalid"
        )
    try:
        key = load_pem_private_key(key_path.read_bytes(), password=None)
        certificate = x509.load_pem_x509_certificate(certificate_path.read_bytes())
    # TypeError (of MALFORMED) is also what a key with a password gives.
    except (OSError, *MALFORMED) as error:
        raise Refused(f"WHITE_LIST_KEY or WHITE_LIST_CERTIFICATE: {one_line(error)}", "setting.invalid") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        raise Refused(f"{certificate_path} is not the certificate of the key in {key_path}", "setting.invalid")
    if isinstance(key, RSAPrivateKey) and key.key_size >= SMALLEST_RSA:
        return Signer(key, certificate, SignatureMethod.RSA_SHA256, "RS256")
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return Signer(key, certificate, *CURVES[key.curve.name])
    raise Refused(f"{key_path}: RSA of {SMALLEST_RSA} bits or more, P-256 or P-384 signs here", "setting.invalid")

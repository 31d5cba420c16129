"""Keys and certificates of tests, made once: RSA, a curve, and one that is too small."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@cache
def key(kind: str) -> Key:
    match kind:
        case "rsa":
            return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        case "small":
            return rsa.generate_private_key(public_exponent=65_537, key_size=1_024)  # noqa: S505 - to be refused
        case "p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "p384":
            return ec.generate_private_key(ec.SECP384R1())
        case "k1":
            return ec.generate_private_key(ec.SECP256K1())
    return ed25519.Ed25519PrivateKey.generate()


@cache
def certificate(kind: str) -> x509.Certificate:
    """A certificate of this key by itself, in force today."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"espace de confiance {kind}")])
    today = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(x509.random_serial_number())
    builder = builder.public_key(key(kind).public_key())
    builder = builder.not_valid_before(today - timedelta(days=1)).not_valid_after(today + timedelta(days=30))
    return builder.sign(key(kind), None if kind == "ed25519" else SHA256())


def written(folder: Path, kind: str) -> tuple[Path, Path]:
    """(key, certificate) as PEM files."""
    key_path, certificate_path = folder / f"{kind}.key", folder / f"{kind}.pem"
    key_path.write_bytes(key(kind).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificate_path.write_bytes(certificate(kind).public_bytes(Encoding.PEM))
    return key_path, certificate_path

"""Authorities made up for one test: certificates of every kind, good and bad, and revocation lists."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

CLIENT, SERVER, ANY = (
    ExtendedKeyUsageOID.CLIENT_AUTH,
    ExtendedKeyUsageOID.SERVER_AUTH,
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
)
DAY = timedelta(days=1)


def a_name(common_name: str = "bal.exemple", operator: str | None = "1990000010") -> x509.Name:
    """The name of an operator's certificate, or of an authority."""
    parts = [(NameOID.COUNTRY_NAME, "FR"), (NameOID.ORGANIZATION_NAME, "GIP EXEMPLE")]
    if operator:
        parts.append((NameOID.ORGANIZATIONAL_UNIT_NAME, operator))
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in [*parts, (NameOID.COMMON_NAME, common_name)]])


@dataclass(frozen=True)
class Held:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def header(self) -> dict[str, str]:
        """As a proxy writes it after RFC 9440."""
        return {"Client-Cert": byte_sequence(self.der)}

    @property
    def escaped(self) -> dict[str, str]:
        """As nginx writes $ssl_client_escaped_cert."""
        return {"Client-Cert": quote(self.pem.decode(), safe="")}


class Authority(Held):
    """One that issues. Without `above` it is a root."""

    def issue(
        self,
        name: x509.Name | None = None,
        *,
        usages: Sequence[ObjectIdentifier] | None = (CLIENT,),
        valid_from: timedelta = -DAY,
        valid_for: timedelta = 30 * DAY,
        is_authority: bool = False,
        signs: bool = True,
        hosts: Sequence[x509.GeneralName] = (),
    ) -> Held:
        """A certificate for clients, or what a test makes of it. `usages` None: it does not say."""
        return Held(
            *_made(
                a_name() if name is None else name,
                self,
                usages,
                valid_from,
                valid_for,
                is_authority=is_authority,
                signs=signs,
                hosts=hosts,
            )
        )

    def sub(self, common_name: str) -> "Authority":
        """An authority below this one."""
        return Authority(*_made(a_name(common_name, None), self, None, -DAY, 300 * DAY, is_authority=True, signs=False))

    def list_of(
        self,
        revoked: Iterable[Held] = (),
        *,
        at: timedelta = -DAY,
        lasts: timedelta = 7 * DAY,
        key: Held | None = None,
        extensions: Iterable[x509.ExtensionType] = (),
    ) -> bytes:
        """Its revocation list as PEM. `key`: signed by somebody else in its name."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(now + at).next_update(now + at + lasts)
        for held in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(held.certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(now + at).build())
        for extension in extensions:
            builder = builder.add_extension(extension, critical=True)
        return builder.sign((key or self).key, SHA256()).public_bytes(Encoding.PEM)


def a_root(common_name: str = "AC EXEMPLE") -> Authority:
    return Authority(*_made(a_name(common_name, None), None, None, -DAY, 300 * DAY, is_authority=True, signs=False))


def byte_sequence(der: bytes) -> str:
    return f":{b64encode(der).decode()}:"


def _made(
    name: x509.Name,
    issuer: Held | None,
    usages: Sequence[ObjectIdentifier] | None,
    valid_from: timedelta,
    valid_for: timedelta,
    *,
    is_authority: bool,
    signs: bool,
    hosts: Sequence[x509.GeneralName] = (),
) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    key = generate_private_key(SECP256R1())
    signer = issuer.key if issuer else key
    start = datetime.now(UTC) + valid_from
    usage = dict.fromkeys(USAGES, False) | {
        "digital_signature": signs,
        "key_cert_sign": is_authority,
        "crl_sign": is_authority,
        "key_encipherment": not signs and not is_authority,
    }
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + valid_for)
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    return builder.sign(signer, SHA256()), key


USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)

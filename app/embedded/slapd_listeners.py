"""Where slapd is reached from outside, and under which certificate. Without it, slapd speaks on loopback alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from app.console import Refused
from app.embedded.place import Place
from app.settings import Settings

FOLDER = "tls"
# TLS 1.3, and of TLS 1.2 what keeps no record readable later and is authenticated: as GnuTLS writes it, and OpenSSL.
GNUTLS = {"TLS_CIPHERS": "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-MAC-ALL:+AEAD"}
OPENSSL = {"TLS_CIPHERS": "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AESCCM:!CCM8", "TLS_PROTOCOL_MIN": "3.3"}


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files: slapd's certificate with those between it and its root, its key, and what clients are judged by.

    `client_ca` None: no client is asked for a certificate.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    client_crl: Path | None = None

    def words(self, *, is_openssl: bool) -> dict[str, str]:
        """What stands for them in the template of the configuration; they were `copied` for the same library."""
        files = {
            "TLS_CERTIFICATE": self.certificate,
            "TLS_KEY": self.key,
            "TLS_CLIENT_CA": self.client_ca,
            "TLS_CLIENT_CRL": self.client_crl,
        }
        given = {word: str(path) for word, path in files.items() if path is not None}
        # OpenSSL looks for lists among the authorities, and at none unless it is told to.
        checked = {"TLS_CRL_CHECK": "all"} if is_openssl and self.client_ca else {}
        verified = {"TLS_VERIFY": "try" if self.client_ca else "never"}
        return {**given, **(OPENSSL if is_openssl else GNUTLS), **checked, **verified}

    def copied(self, place: Place, *, is_openssl: bool) -> Self:
        """The same in a folder of slapd's account, which may not read the files of ours. Raises Refused.

        slapd reads them when it starts: a renewed certificate or list takes a restart.
        """
        folder = place.make(FOLDER)

        def copy(name: str, *paths: Path) -> Path:
            return _copy(paths, folder / f"{name}.pem", place)

        own = type(self)(copy("certificate", self.certificate), copy("key", self.key))
        if self.client_ca is None:
            return own
        lists = [] if self.client_crl is None else [self.client_crl]
        if is_openssl:
            return replace(own, client_ca=copy("authorities", self.client_ca, *lists))
        own = replace(own, client_ca=copy("client_ca", self.client_ca))
        return replace(own, client_crl=copy("client_crl", *lists)) if lists else own


@dataclass(frozen=True, slots=True)
class Listeners:
    """URLs such as `ldaps://0.0.0.0:636` (TLS from the first byte) and `ldap://0.0.0.0:389` (TLS after StartTLS)."""

    urls: tuple[str, ...]
    tls: Tls

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Those of the settings; None when slapd is not to be reached from outside."""
        if settings.ldap_listen is None or settings.ldap_certificate is None or settings.ldap_key is None:
            return None
        tls = Tls(settings.ldap_certificate, settings.ldap_key, settings.ldap_client_ca_file, settings.ldap_client_crl)
        return cls(settings.ldap_listen, tls)


def _copy(sources: Sequence[Path], target: Path, place: Place) -> Path:
    content = b"\n".join(_read(source) for source in sources)
    target.unlink(missing_ok=True)
    target.touch(0o600)
    target.write_bytes(content)
    place.account.owns(target)
    return target


def _read(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise Refused(f"cannot read {source} for the TLS of LDAP ({error.strerror})", "ldap.tls") from error

"""Where slapd is reached from outside, and under which certificate. Without it, slapd speaks on loopback alone."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from app.console import Refused
from app.embedded.place import Place
from app.settings import Settings

FOLDER = "tls"
# As GnuTLS writes it: TLS 1.3, and of TLS 1.2 what keeps no record readable later and is authenticated.
CIPHERS = "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-MAC-ALL:+AEAD"


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files: slapd's certificate with those between it and its root, its key, and what clients are judged by.

    `client_ca` None: no client is asked for a certificate.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    client_crl: Path | None = None

    def words(self) -> dict[str, str]:
        """What stands for them in the template of the configuration."""
        files = {
            "TLS_CERTIFICATE": self.certificate,
            "TLS_KEY": self.key,
            "TLS_CLIENT_CA": self.client_ca,
            "TLS_CLIENT_CRL": self.client_crl,
        }
        given = {word: str(path) for word, path in files.items() if path is not None}
        return {**given, "TLS_CIPHERS": CIPHERS, "TLS_VERIFY": "try" if self.client_ca else "never"}

    def copied(self, place: Place) -> Self:
        """The same in a folder of slapd's account, which may not read the files of ours. Raises Refused.

        slapd reads them when it starts: a renewed certificate or list takes a restart.
        """
        folder = place.make(FOLDER)
        own = {
            name: _copy(path, folder / f"{name}.pem", place)
            for name in ("certificate", "key", "client_ca", "client_crl")
            if (path := getattr(self, name)) is not None
        }
        return replace(self, **own)


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


def _copy(source: Path, target: Path, place: Place) -> Path:
    try:
        content = source.read_bytes()
    except OSError as error:
        raise Refused(f"cannot read {source} for the TLS of LDAP ({error.strerror})", "ldap.tls") from error
    target.unlink(missing_ok=True)
    target.touch(0o600)
    target.write_bytes(content)
    place.account.owns(target)
    return target

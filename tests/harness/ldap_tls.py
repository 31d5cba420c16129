"""An LDAP server for the open, as tests use it: certificates of one authority, and clients that show them."""

import ipaddress
import ssl
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ldap3
from cryptography import x509

from app.embedded import Slapd, free_port
from app.embedded.account import Account
from app.embedded.slapd_listeners import Listeners, Tls
from tests.access.authority import SERVER, Authority, Held, a_name
from tests.docs.markdown import ROOT

LOOPBACK = "127.0.0.1"
SLAPD_FILES = ROOT / "deploy" / "slapd"
# As LDAP writes the subject that `a_name` makes.
SUBJECT = "cn={name},ou=1990000010,o=GIP EXEMPLE,c=FR"


class PublicSlapd:
    """A slapd of one test's own with LDAPS and StartTLS, not started. `folder` holds its and its clients' files.

    `root`: as for `find_slapd`.
    """

    def __init__(
        self, folder: Path, authority: Authority, *, revoked: Iterable[Held] = (), root: Path | None = None
    ) -> None:
        self.folder = folder
        self.authority = authority
        hosts = [x509.IPAddress(ipaddress.ip_address(LOOPBACK)), x509.DNSName("localhost")]
        server = authority.issue(a_name(LOOPBACK, None), usages=(SERVER,), hosts=hosts)
        self.ca = write(folder / "ca.pem", authority.pem)
        self.ldaps = f"ldaps://{LOOPBACK}:{free_port()}"
        self.starttls = f"ldap://{LOOPBACK}:{free_port()}"
        tls = Tls(
            write(folder / "server.pem", server.pem),
            write(folder / "server.key", server.key_pem),
            self.ca,
            write(folder / "crl.pem", authority.list_of(revoked)),
        )
        public = Listeners((self.ldaps, self.starttls), tls)
        self.slapd = Slapd(folder / "provider", port=free_port(), public=public, root=root)

    def issue(self, name: str, *, account: Account | None = None) -> Held:
        """A certificate of this name, in `<name>.pem` and `<name>.key`, which `account` owns."""
        held = self.authority.issue(a_name(name))
        for path in self.show(name, held):
            if account:
                account.owns(path)
        return held

    def show(self, name: str, held: Held) -> tuple[Path, Path]:
        return write(self.folder / f"{name}.pem", held.pem), write(self.folder / f"{name}.key", held.key_pem)

    def register(self, name: str, group: str) -> None:
        """What an administrator does for a client: the file of deploy/, filled in."""
        words = {"NAME": name, "GROUP": group, "SUFFIX": self.slapd.suffix, "SUBJECT": SUBJECT.format(name=name)}
        configure(self.slapd.ldapi_uri, filled("replica/client.ldif.in", words), "ldapadd")

    @contextmanager
    def connect(self, uri: str, name: str | None = None, *, password: str | None = None) -> Iterator[Any]:
        """A bound connection over TLS: by certificate, by password, or as anybody."""
        connection = self.open(uri, name, password=password)
        try:
            if uri.startswith("ldap:"):
                assert connection.start_tls()
            assert connection.bind(), connection.result
            yield connection
        finally:
            connection.unbind()

    def open(self, uri: str, client: str | None = None, *, password: str | None = None) -> Any:
        """A connection that is not bound yet. (Any: the published types of ldap3 are not complete.)"""
        path = None if client is None or password else self.folder / f"{client}.pem"
        tls = ldap3.Tls(
            validate=ssl.CERT_REQUIRED,
            ca_certs_file=str(self.ca),
            local_certificate_file=str(path) if path else None,
            local_private_key_file=str(path.with_suffix(".key")) if path else None,
        )
        server = ldap3.Server(uri, get_info=ldap3.NONE, connect_timeout=5, tls=tls, use_ssl=uri.startswith("ldaps:"))
        how: dict[str, Any] = {}
        if path:
            how = {"authentication": ldap3.SASL, "sasl_mechanism": "EXTERNAL", "sasl_credentials": ""}
        elif password:
            how = {"user": f"cn={client},ou=operators,ou=clients,{self.slapd.suffix}", "password": password}
        return ldap3.Connection(server, check_names=False, receive_timeout=30, **how)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def filled(name: str, words: dict[str, str]) -> str:
    """A file of deploy/slapd with its words filled in, as an administrator does it."""
    command = [
        str(SLAPD_FILES / "fill"),
        str(SLAPD_FILES / name),
        *(f"{word}={value}" for word, value in words.items()),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def configure(ldapi_uri: str, ldif: str, tool: str) -> None:
    """Apply LDIF over the private socket. Raises when it is refused."""
    path = ldapi_uri.removeprefix("ldapi://").replace("/", "%2F")
    command = [tool, "-Y", "EXTERNAL", "-Q", "-H", f"ldapi://{path}"]
    answer = subprocess.run(command, input=ldif, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stderr

"""What a TLS server agrees to: every version and every cipher suite is tried, with nothing held back on our side."""

import socket
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

PATIENCE = 30.0
ANY = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
VERSIONS = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


@dataclass(frozen=True)
class Posture:
    """Versions and suites that were agreed to, and what openssl says of a connection by TLS 1.2."""

    tried: int
    versions: tuple[str, ...]
    suites: tuple[str, ...]
    said: str

    @property
    def renegotiates(self) -> bool:
        """Whether the client may begin anew within a connection: then the server shows its certificate again."""
        return "depth=0" in self.said.partition("RENEGOTIATING")[2]

    @property
    def is_renegotiation_secure(self) -> bool:
        """Whether nothing can be slipped in before a renegotiation (RFC 5746)."""
        return "Secure Renegotiation IS supported" in self.said

    @property
    def compresses(self) -> bool:
        return "Compression: NONE" not in self.said


def posture(port: int) -> Posture:
    """All that the server at this port of the machine agrees to."""
    suites = [
        each["name"] for each in _context(ANY, ssl.TLSVersion.TLSv1_2).get_ciphers() if "TLS_" not in each["name"]
    ]
    agreed = tuple(version.name for version in VERSIONS if _agrees(port, _context(ANY, version)))
    taken = tuple(suite for suite in suites if _agrees(port, _context(f"{suite}:@SECLEVEL=0", ssl.TLSVersion.TLSv1_2)))
    return Posture(len(suites), agreed, taken, "".join(_said(port)))


def _context(ciphers: str, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the old versions, which must be refused
        context.minimum_version = context.maximum_version = version
    return context


def _agrees(port: int, context: ssl.SSLContext) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain, context.wrap_socket(plain):
            return True
    except (ssl.SSLError, ConnectionError):
        return False


def _said(port: int) -> Iterator[str]:
    """What openssl says of a connection in which it asks for a renegotiation."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", "-comp", "-legacy_renegotiation"]
    done = subprocess.run(command, input="R\n", capture_output=True, text=True, timeout=PATIENCE, check=False)
    yield from (done.stdout, done.stderr)

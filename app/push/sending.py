"""One POST to a URL that somebody else chose.

The name is resolved once, the addresses are judged, and the connection is made to one of those: a name that leads
elsewhere a moment later leads us nowhere. TLS is verified against the name. Nothing of the answer is read beyond its
status line, no redirect is followed, and all of it ends after DEADLINE_SECONDS, however slowly the other side talks.
"""

import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from app.console import one_line
from app.push import addresses
from app.push.addresses import AddressForbidden
from app.push.target import Target, TargetInvalid, parse
from app.settings import Settings

# From the resolved name to the status line. (The resolver of the system ends by its own limits.)
DEADLINE_SECONDS = 8.0
# A name with more addresses is tried at these alone.
MOST_ADDRESSES = 2
LONGEST_LINE = 1_024
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([2-5][0-9]{2})(?: [^\r\n]*)?\r?\n")
HTTP_OK, HTTP_REDIRECT, HTTP_FAULT, GONE = 200, 300, 400, 410

Word = Literal["delivered", "rejected", "unreachable", "forbidden", "unsigned"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. `detail` holds nothing that the receiver sent."""

    word: Word
    detail: str
    status: int | None = None

    @property
    def is_delivered(self) -> bool:
        return self.word == "delivered"

    @property
    def is_final(self) -> bool:
        """Nobody is there to try again for: the receiver says so. A pepper that is not here may be named yet."""
        return self.status == GONE


class Sender:
    """Posts, from any thread."""

    def __init__(self, settings: Settings, resolve: addresses.Resolve = addresses.resolve) -> None:
        self._insecure = settings.webhook_insecure
        self._resolve = resolve
        self._tls = ssl.create_default_context()
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.webhook_ca_file:
            self._tls.load_verify_locations(settings.webhook_ca_file)

    def post(self, url: str, headers: Mapping[str, str], body: str) -> Outcome:
        """Send it once, and say how that ended. Never raises for what the other side is or does."""
        try:
            target = parse(url, insecure=self._insecure)
            resolved = self._resolve(target.host, target.port)
            if not self._insecure:
                addresses.require_public(resolved)
        except (TargetInvalid, AddressForbidden) as error:
            return Outcome("forbidden", str(error))
        except (OSError, UnicodeError):
            return Outcome("unreachable", "its name cannot be resolved")
        until = time.monotonic() + DEADLINE_SECONDS
        failure = "nothing answers there"
        for family, address in resolved[:MOST_ADDRESSES]:
            try:
                plain = _connected(family, address, until)
            except OSError as error:
                failure = _said(error)
                continue
            return self._posted(plain, target, headers, body, until)
        return Outcome("unreachable", failure)

    def _posted(
        self, plain: socket.socket, target: Target, headers: Mapping[str, str], body: str, until: float
    ) -> Outcome:
        with plain:
            try:
                plain.settimeout(_left(until))
                stream = self._tls.wrap_socket(plain, server_hostname=target.host) if target.is_secure else plain
                with stream:
                    stream.settimeout(_left(until))
                    stream.sendall(_request(target, headers, body))
                    status = _status(stream, until)
            except OSError as error:
                return Outcome("unreachable", _said(error))
        if status is None:
            return Outcome("unreachable", "the answer is not HTTP/1.1")
        if HTTP_OK <= status < HTTP_REDIRECT:
            return Outcome("delivered", "", status)
        detail = "it sends on elsewhere, which is not followed" if status < HTTP_FAULT else f"it answered {status}"
        return Outcome("rejected", detail, status)


def _connected(family: int, address: tuple[object, ...], until: float) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.settimeout(_left(until))
        made.connect(address)
    except OSError:
        made.close()
        raise
    return made


def _request(target: Target, headers: Mapping[str, str], body: str) -> bytes:
    content = body.encode()
    lines = {
        "Host": target.host_header,
        "User-Agent": "annuaire-webhook/1",
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        "Connection": "close",
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {target.path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + content


def _status(stream: socket.socket, until: float) -> int | None:
    """The status of the answer; None when it does not begin as one. Raises TimeoutError."""
    begun = b""
    while b"\n" not in begun and len(begun) < LONGEST_LINE:
        stream.settimeout(_left(until))
        part = stream.recv(LONGEST_LINE - len(begun))
        if not part:
            break
        begun += part
    line = STATUS_LINE.match(begun)
    return int(line[1]) if line else None


def _left(until: float) -> float:
    """Seconds that are left. Raises TimeoutError."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _said(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {DEADLINE_SECONDS:.0f} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'the connection ended'}"
    return one_line(OSError(error.strerror)) if error.strerror else "the connection ended"

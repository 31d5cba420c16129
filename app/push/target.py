"""The URL of a webhook, judged as far as its text goes; where its name leads is judged at each delivery."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

LONGEST_URL = 1_000
TLS_PORT, PLAIN_PORT = 443, 80
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# A name with a dot whose last label is no number: no address literal, in whatever notation, looks like one.
NAME = re.compile(rf"(?=.{{4,253}}\Z)(?:{LABEL}\.)+(?![0-9]+\Z){LABEL}")
LOOSE_NAME = re.compile(rf"(?:{LABEL}\.)*{LABEL}")
PATH = re.compile(r"/[!-~]*")


class TargetInvalid(ValueError):
    """This is no URL to deliver to: the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to deliver. `path` with the query, as it stands in the request."""

    host: str
    port: int
    path: str
    is_secure: bool

    @property
    def host_header(self) -> str:
        usual = TLS_PORT if self.is_secure else PLAIN_PORT
        return self.host if self.port == usual else f"{self.host}:{self.port}"


def parse(url: str, *, insecure: bool) -> Target:
    """The parts of a URL. `insecure`: also http, other ports and names of this network. Raises TargetInvalid."""
    if len(url) > LONGEST_URL:
        raise TargetInvalid(f"at most {LONGEST_URL} characters")
    if not re.fullmatch(r"[!-~]+", url):
        raise TargetInvalid("printable ASCII without spaces alone; write other letters of a name in their xn-- form")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise TargetInvalid("it cannot be read as a URL") from error
    is_secure = parts.scheme == "https"
    if not is_secure and not (insecure and parts.scheme == "http"):
        raise TargetInvalid("it must begin with https://")
    if parts.username is not None or parts.password is not None or "#" in url:
        raise TargetInvalid("no user, no password and no fragment")
    host = parts.netloc.lower()[: -len(f":{port}")] if port is not None else parts.netloc.lower().rstrip(":")
    if not (LOOSE_NAME if insecure else NAME).fullmatch(host):
        raise TargetInvalid("its host must be a full name, not an address")
    usual = TLS_PORT if is_secure else PLAIN_PORT
    if port not in {None, usual} and not insecure:
        raise TargetInvalid(f"its port must be {TLS_PORT}")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not PATH.fullmatch(path):
        raise TargetInvalid("its path cannot be used")
    return Target(host, usual if port is None else port, path, is_secure)

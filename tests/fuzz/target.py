"""What a target of fuzzing is: a parser, what it is begun with, and the errors by which it may refuse."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass

DEPTH = 1_500
# What breaks parsers in general: nothing, half a character, a NUL, numbers beyond every type, JSON without an end.
ALWAYS = (
    *(b"", b"\x00", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b" ", b"%00", b"\r\n", b"-1", b"9" * 400, b"1e400", b"NaN"),
    *(b"[" * DEPTH, b'{"a":' * DEPTH, b"\\" * 99, b"=" * 99, b"a" * 5_000, "é\u0300\u202e\ufeff\U0001f3fb".encode()),
)


@dataclass(frozen=True)
class Target:
    """`parse` takes any bytes and returns, or raises one of `refusals`; what else it raises is a finding. What it
    returns it must have checked itself (a round trip, a canonical form): an AssertionError is a finding too.
    """

    name: str
    parse: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]

    def try_one(self, given: bytes) -> bool:
        """Whether it was taken; False when it was refused. Raises whatever is a finding."""
        try:
            self.parse(given)
        except self.refusals:
            return False
        return True


def text(given: bytes) -> str:
    """As headers and parameters come: any code point, no surrogates."""
    return given.decode("utf-8", "replace")


def latin(given: bytes) -> str:
    """As a server hands headers over (RFC 9110 §5.5)."""
    return given.decode("latin-1")


def encoded(given: bytes) -> bytes:
    """In base64url without padding, as parts of a JWT are."""
    return urlsafe_b64encode(given).rstrip(b"=")

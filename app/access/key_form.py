"""The form of API keys, and what is stored of them.

    annuaire_<id>_<secret><checksum>      id 10, secret 52 (256 bits), checksum 7 characters of a-z and 2-7

The checksum finds typing errors and lets secret scanners recognise a key without asking. The database holds
HMAC-SHA256(pepper, id and secret) only: whoever reads it, or guesses at it without the pepper, gets no key.
"""

import hmac
import re
import secrets
import zlib
from base64 import b32encode
from typing import NamedTuple

from app.access.peppers import Pepper

PREFIX = "annuaire"
ID_CHARACTERS = 10
SECRET_BYTES = 32
FORM = re.compile(r"annuaire_([a-z2-7]{10})_([a-z2-7]{52})([a-z2-7]{7})")


class KeyInvalid(Exception):
    """A text that is no key, or a key that is not known, was revoked or has expired. The message is for its sender."""


class Presented(NamedTuple):
    """A key as a caller sent it, well formed."""

    id: str
    secret: str


def make(pepper: Pepper) -> tuple[str, str, bytes]:
    """(id, key, digest) of a new key. The key is shown once; only the digest is stored."""
    identifier, secret = random_id(), random_secret()
    key = f"{PREFIX}_{identifier}_{secret}{checksum(identifier, secret)}"
    return identifier, key, digest(pepper, Presented(identifier, secret))


def parse(key: str) -> Presented:
    """The parts of a key. Raises KeyInvalid for any text that we cannot have made."""
    match = FORM.fullmatch(key)
    if not match or match[3] != checksum(match[1], match[2]):
        raise KeyInvalid("This is not a key of this directory: copy it again, whole.")
    return Presented(match[1], match[2])


def digest(pepper: Pepper, key: Presented) -> bytes:
    """What is stored of a key."""
    return hmac.digest(pepper.secret, f"{key.id}_{key.secret}".encode(), "sha256")


def random_id() -> str:
    """The id of a credential: 50 random bits, nobody's secret."""
    return _text(secrets.token_bytes(8))[:ID_CHARACTERS]


def random_secret() -> str:
    """256 random bits as 52 characters."""
    return _text(secrets.token_bytes(SECRET_BYTES))


def _text(value: bytes) -> str:
    return b32encode(value).decode().rstrip("=").lower()


def checksum(identifier: str, secret: str) -> str:
    return _text(zlib.crc32(f"{identifier}_{secret}".encode()).to_bytes(4, "big"))

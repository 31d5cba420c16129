"""Secrets of webhooks, and what is signed with them, after Standard Webhooks 1.0.

    whsec_<base64 of 32 bytes>                  shown once, to whoever subscribes
    webhook-signature: v1,<base64 of HMAC-SHA256(secret, "<webhook-id>.<webhook-timestamp>.<body>")>

A secret must be read again to sign, so it cannot be kept as a hash: it is sealed (AES-256-GCM) under a key derived from
the pepper, and bound to the id of its webhook. The database alone, or a backup of it, signs nothing.
"""

import hmac
import secrets
from base64 import b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.access.peppers import Pepper, Peppers

PREFIX = "whsec_"
SECRET_BYTES, NONCE_BYTES = 32, 12


class SecretLost(Exception):
    """The secret was sealed under a pepper that is not here any more."""


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def shown(secret: bytes) -> str:
    """The secret as its holder is told it."""
    return PREFIX + b64encode(secret).decode()


def seal(pepper: Pepper, webhook: str, secret: bytes) -> bytes:
    """What is stored of it."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + _cipher(pepper).encrypt(nonce, secret, webhook.encode())


def unseal(peppers: Peppers, pepper: str, webhook: str, sealed: bytes) -> bytes:
    """The secret again. Raises SecretLost."""
    for each in peppers.named(pepper):
        try:
            return _cipher(each).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], webhook.encode())
        except InvalidTag:
            continue
    raise SecretLost("its secret was sealed under a pepper that is not here any more: subscribe anew")


def headers(secret: bytes, message: str, timestamp: int, body: str) -> dict[str, str]:
    """What a receiver proves the message by."""
    signature = hmac.digest(secret, f"{message}.{timestamp}.{body}".encode(), "sha256")
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{b64encode(signature).decode()}",
    }


def _cipher(pepper: Pepper) -> AESGCM:
    return AESGCM(hmac.digest(pepper.secret, b"annuaire webhook secret", "sha256"))

"""Secrets of an embedded installation, made once below DIR/secrets.

key_pepper              the secret under which API keys are stored
former_key_peppers      those before it, one a line: put there by whoever changes it, else missing
signing_key.pem         the private key that signs checkpoints and manifests
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def key_pepper(data_dir: Path) -> str:
    """The secret under which API keys are stored; made at the first call. Losing the file makes every key unknown."""
    file = _made_once(data_dir, "key_pepper", lambda: secrets.token_urlsafe(32).encode())
    return file.read_text(encoding="ascii").strip()


def former_key_peppers(data_dir: Path) -> str:
    """The secrets before that one, separated by spaces; empty when it was never changed."""
    file = data_dir / "secrets" / "former_key_peppers"
    return " ".join(file.read_text(encoding="utf-8").split()) if file.exists() else ""


def signing_key(data_dir: Path) -> Path:
    """The file of the key that signs; made at the first call. Losing it makes what it signed unprovable."""
    return _made_once(data_dir, "signing_key.pem", _new_signing_key)


def _new_signing_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _made_once(data_dir: Path, name: str, make: Callable[[], bytes]) -> Path:
    """The file of this secret: whole or not there, readable by its owner alone."""
    folder = data_dir / "secrets"
    folder.mkdir(0o700, exist_ok=True)
    file = folder / name
    if not file.exists():
        partial = folder / f"{name}.partial"
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(make())
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(file)
    return file

"""Secrets of an embedded installation, made once below DIR/secrets.

key_pepper              the secret under which API keys are stored
former_key_peppers      those before it, one a line: put there by whoever changes it, else missing
"""

import os
import secrets
from pathlib import Path


def key_pepper(data_dir: Path) -> str:
    """The secret under which API keys are stored; made at the first call. Losing the file makes every key unknown."""
    folder = data_dir / "secrets"
    folder.mkdir(0o700, exist_ok=True)
    file = folder / "key_pepper"
    if not file.exists():
        partial = folder / "key_pepper.partial"
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_urlsafe(32))
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(file)
    return file.read_text(encoding="ascii").strip()


def former_key_peppers(data_dir: Path) -> str:
    """The secrets before that one, separated by spaces; empty when it was never changed."""
    file = data_dir / "secrets" / "former_key_peppers"
    return " ".join(file.read_text(encoding="utf-8").split()) if file.exists() else ""

"""A resource as a copy holds it: its document as it was sent, and the fingerprint that the holder computes from it."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from app.publication.digest_tree import slot_of

# What differs between two installations that publish the same: no part of the fingerprint.
NOT_FINGERPRINTED = {"sequence", "published_at", "updated_at", "fingerprint"}


class Resource(NamedTuple):
    """One published resource. `document` is JSON text."""

    kind: str
    key: str
    slot: int
    fingerprint: bytes
    document: str


def resource_of(kind: str, key: str, document: Mapping[str, Any]) -> Resource:
    """The resource of a document that the directory sent, with or without its `fingerprint`."""
    kept = {name: value for name, value in document.items() if name != "fingerprint"}
    return Resource(kind, key, slot_of(kind, key), fingerprint_of(kept), json.dumps(kept, ensure_ascii=False))


def fingerprint_of(document: Mapping[str, Any]) -> bytes:
    """SHA-256 of the canonical JSON (RFC 8785): texts, whole numbers, booleans and null, under ASCII names."""
    body = {name: value for name, value in document.items() if name not in NOT_FINGERPRINTED}
    return sha256(json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()).digest()

"""A snapshot as it was downloaded: nothing of it is believed before its signature, its sums and its root are right."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import zstandard

from app.console import Refused
from app.publication.digest_tree import Row, root_of
from app.publication.snapshot_files import DIRECTORY, MANIFEST
from app.publication.snapshots import MANIFEST_TYPE
from app.settings import Settings
from app.signing import SignatureInvalid, signing_of, verify


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What its publisher signed: this file is the whole directory of an edition, whose digest has this root."""

    file: Path
    edition: int
    root: str
    made_at: datetime

    def lines(self) -> Iterator[dict[str, Any]]:
        """Every resource, as the feed shows it."""
        with self.file.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as unpacked:
            for line in TextIOWrapper(unpacked, encoding="utf-8", newline="\n"):
                yield json.loads(line)


def opened(folder: Path, jwks: dict[str, Any]) -> Snapshot:
    """The snapshot of a folder, proved by one of these keys. Raises Refused, OSError."""
    manifest = folder / MANIFEST
    if not manifest.exists():
        raise Refused(f"{manifest} is not there: what nobody signed is not imported", "snapshot.unsigned")
    try:
        said = verify(manifest.read_text(encoding="ascii").strip(), jwks, MANIFEST_TYPE)
        (sum_of_file,) = (each["sha256"] for each in said["files"] if each["file"] == DIRECTORY)
        made_at = datetime.fromtimestamp(said["iat"], UTC)
        found = Snapshot(folder / DIRECTORY, int(said["edition"]), str(said["root"]), made_at)
    except (SignatureInvalid, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise Refused(f"{manifest} proves nothing: {error}", "snapshot.unsigned") from error
    with found.file.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sum_of_file:
            raise Refused(f"{found.file} is not the file that was signed: download it again", "snapshot.altered")
    if root_of(_row(line) for line in found.lines()) != found.root:
        raise Refused(f"{found.file} does not have the root that was signed", "snapshot.altered")
    return found


def keys(settings: Settings, path: Path | None) -> dict[str, Any]:
    """The JWK Set of a file that was kept of `/.well-known/annuaire-keys.json`, else our own keys. Raises Refused."""
    if path is None:
        return dict(signing_of(settings).public_keys())
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise Refused(f"{path} is no set of keys: {error}", "snapshot.unsigned") from error
    if not isinstance(kept, dict):
        raise Refused(f"{path} is no set of keys", "snapshot.unsigned")
    return kept


def _row(line: dict[str, Any]) -> Row:
    return line["kind"], line["key"], bytes.fromhex(line["resource"]["fingerprint"])

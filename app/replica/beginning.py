"""A copy that begins with a snapshot: fetched, held against its signed manifest, and loaded in one transaction."""

import hashlib
import json
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import islice
from tempfile import TemporaryFile
from typing import BinaryIO

import zstandard

from app.console import Refused
from app.publication.digest_tree import tree_of
from app.replica.copy import PORTION, Copy, Held
from app.replica.document import Resource
from app.replica.source import Snapshot, Source, change_of

BLOCK = 1 << 20


def load(source: Source, copy: Copy, snapshot: Snapshot) -> None:
    """Replace what the copy holds by the snapshot; readers see the one or the other, and whoever is killed the former.

    Raises Refused when the files are not what was signed, and Answered when the snapshot was withdrawn meanwhile.
    """
    with TemporaryFile() as file:
        source.save(snapshot.url, file)
        _require_sum(file, snapshot)
        held = copy.held
        with copy.transaction():
            copy.empty()
            resources = _resources(file)
            while portion := list(islice(resources, PORTION)):
                copy.put(portion)
            copy.move(held, Held(snapshot.cursor, snapshot.edition))
            if snapshot.root is not None and tree_of(copy.rows()).root != snapshot.root:
                raise Refused("the snapshot does not have the root that its manifest signs", "replica.snapshot")


def _require_sum(file: BinaryIO, snapshot: Snapshot) -> None:
    file.seek(0)
    found = hashlib.sha256()
    while block := file.read(BLOCK):
        found.update(block)
    if found.hexdigest() != snapshot.sha256:
        raise Refused(f"the file of snapshot {snapshot.edition} is not the one that was offered", "replica.snapshot")


def _resources(file: BinaryIO) -> Iterator[Resource]:
    file.seek(0)
    with zstandard.ZstdDecompressor().stream_reader(file) as unpacked:
        for line in TextIOWrapper(unpacked, encoding="utf-8", newline="\n"):
            resource = change_of(json.loads(line)).resource
            if resource is not None:
                yield resource

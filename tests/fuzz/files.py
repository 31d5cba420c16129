"""Parsers of files and bodies: archives, national files, white list, batches, revocation lists."""

import gzip
import io
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import zstandard

from app.access.certificate_trust import Trust, TrustUnusable
from app.access.revocation import ListUnusable, RevocationLists
from app.imports.reading import Reading
from app.imports.receive import receive
from app.imports.recognise import recognise
from app.imports.refusal import FileRefused
from app.mailboxes.batch_body import Body, lines
from app.mailboxes.strict_json import parse as parse_json
from app.problems import UnreadableRequest
from tests.access.authority import a_root
from tests.fuzz.target import DEPTH, Target
from tests.imports import files

HEAD = 6_000
SAMPLES = (files.PERSONS, files.SKILLS, files.MAILBOXES, files.SITES, files.DIPLOMAS, files.SHORT_LIST)
LINE = b'{"operation": "put", "address": "a@b.mssante.fr", "type": "ORG", "organization": "990000010"}'
AUTHORITY = a_root()


def _head(path: Path) -> bytes:
    return path.read_bytes()[:HEAD]


def _zipped(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../a.txt", content)
    return out.getvalue()


def _written(parse: Callable[[Path], object]) -> Callable[[bytes], None]:
    def parse_bytes(given: bytes) -> None:
        with tempfile.NamedTemporaryFile(suffix=".txt") as file:
            file.write(given)
            file.flush()
            parse(Path(file.name))

    return parse_bytes


def _imported(path: Path) -> None:
    """Every line is handed over, rejected or blank."""
    for each in receive(path):
        layout = recognise(each)
        with closing(Reading()) as reading, each.open() as file:
            for _ in layout.copy_text(file.read, reading):
                pass
            assert reading.read >= reading.rejected + reading.blank


def _batch(*, is_ndjson: bool) -> Callable[[bytes], None]:
    def parse(given: bytes) -> None:
        with tempfile.SpooledTemporaryFile() as file:
            file.write(given)
            for _ in lines(Body(file, b"", is_ndjson)):
                pass

    return parse


TARGETS = (
    Target("national file", _written(_imported), (FileRefused,), tuple(map(_head, SAMPLES))),
    Target(
        "archive",
        _written(_imported),
        (FileRefused,),
        (gzip.compress(_head(files.MAILBOXES)), _zipped(_head(files.MAILBOXES)), zstandard.compress(b"a"), b"PK\5\6"),
    ),
    Target("strict JSON", parse_json, (UnreadableRequest,), (LINE, b'{"a":1,"a":2}', b"[1.5,null]")),
    Target("batch", _batch(is_ndjson=False), (UnreadableRequest,), (b'{"items": [' + LINE + b"]}",)),
    Target("batch of lines", _batch(is_ndjson=True), (), (LINE + b"\n" + LINE, b"\n\r\n{}", b"[" * DEPTH)),
    Target("revocation list", _written(RevocationLists.read), (ListUnusable,), (AUTHORITY.list_of(),)),
    Target(
        "authorities",
        _written(lambda path: Trust.read(path, path)),
        (TrustUnusable, ListUnusable),
        (AUTHORITY.pem, AUTHORITY.pem + AUTHORITY.list_of()),
    ),
)

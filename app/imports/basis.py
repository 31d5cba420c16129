"""What a plan rests on: the last applied run of its source, and what was known of its file."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from app.imports.kept import kept_run
from app.imports.reading import Layout
from app.imports.sources.description import Source
from app.imports.workspace import Cursor

# Lines are remembered as they were judged: whoever changes what the parser or a source's `reject` takes moves this on.
PARSER = 1


@dataclass(frozen=True)
class Basis:
    """The state of a source: the run that was applied last (`run`, `number`), its file, and whose lines are kept."""

    run: str | None = None
    number: int | None = None
    name: str | None = None
    sha256: str | None = None
    stamp: str | None = None
    layout: str | None = None
    encoding: str | None = None
    lines: int | None = None
    loaded: bool = False
    kept_run: int | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def basis_of(cursor: Cursor, source: Source) -> Basis:
    """The state of a source now; the row is locked until the transaction ends."""
    cursor.execute("INSERT INTO source (name) VALUES (%s) ON CONFLICT DO NOTHING", [source.name])
    row = cursor.execute(
        "SELECT s.run, r.number, r.file_name, r.file_sha256, s.stamp, s.layout, s.encoding, s.lines, s.loaded"
        " FROM source s LEFT JOIN import_run r ON r.id = s.run WHERE s.name = %s FOR UPDATE OF s",
        [source.name],
    ).fetchone()
    if row is None:
        raise LookupError(f"source {source.name} has no row")
    run, number, name, sha256, stamp, layout, encoding, lines, loaded = row
    known = kept_run(cursor, source)
    return Basis(run, number, name, sha256, stamp, layout, encoding, lines, loaded, known)


def layout_key(layout: Layout) -> str:
    """What digests of lines depend on: the form of the file, its columns in their order, and how lines are judged."""
    form = {"form": type(layout).__name__, "kept": layout.keeps_lines, "parser": PARSER, "fields": list(layout.fields)}
    return json.dumps(form, sort_keys=True)


def keeps_lines(key: str | None) -> bool:
    """Whether the lines of a file of this layout (`layout_key`) are kept."""
    return bool(key and json.loads(key)["kept"])

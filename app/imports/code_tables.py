"""Code systems as files: the `.tabs` tables of the ANS, and tab-separated tables as we ship them.

A `.tabs` table has two headers, and between them one line on the table as a whole, its name among it:

    <OID>;<Type fichier>;<Nom fichier>;<Description>;…
    1.2.250.1.213.1.6.1.18;TRE;TRE_R23-ModeExercice.tabs;Mode d'exercice;…
    <OID>;<Code>;<Libellé adapté>;…;<Date valid>;<Date fin>;<Date MàJ>
    1.2.250.1.213.1.6.1.18;S;Salarié;…

Ours has `code` and `label`, and names its table in a column `table` or, for want of one, by the name of the file: the
one case in which a name decides, since nothing inside tells.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.imports.cells import copy_row, require_plain, tidied
from app.imports.header import normalised
from app.imports.parse import Parser
from app.imports.reading import BadLine, Read, Reading
from app.imports.refusal import FileRefused
from app.imports.sources.description import Source

FIELDS = ("system", "oid", "code", "label")
SYSTEM = re.compile(r"(?:TRE|JDV)_[A-Z][0-9]+[\w-]*")
# So begins a .tabs table, which is no XML for all that.
TABS = b"<OID>;"
_TABS_FIRST = ("oid", "type fichier", "nom fichier")
_LABELS = {"code": "code", "libelle adapte": "label", "libelle": "label", "label": "label", "table": "system"}
_LABELS |= {"system": "system", "oid": "oid"}


@dataclass(frozen=True)
class CodeTable:
    """Where the cells of a table stand. `head`: how many lines come before its rows, the first of which is line 1."""

    source: Source
    separator: str
    labels_by_field: dict[str, str]
    positions: dict[str, int]
    all_labels: tuple[str, ...]
    head: int
    system: str = ""
    oid: str = ""
    stamp: str | None = None
    keeps_lines: bool = False

    @property
    def width(self) -> int:
        return len(self.all_labels)

    @property
    def fields(self) -> tuple[str, ...]:
        return FIELDS

    @property
    def labels(self) -> dict[str, str]:
        return self.labels_by_field

    def copy_text(self, read: Read, reading: Reading) -> Iterator[bytes]:
        heads = self.head - 1

        def row(line: bytes) -> bytes:
            return copy_row(0, self._values(line.decode().split(self.separator))).encode()[2:-1]

        return Parser(row, lambda _line, _position: None, reading).copy_text(_without_lines(read, 2, heads))

    def _values(self, cells: list[str]) -> list[str]:
        if len(cells) == self.width + 1 and not cells[-1].strip():
            cells.pop()
        if len(cells) != self.width:
            raise BadLine("line.field_count", f"{len(cells)} cells where the table has {self.width} columns")
        values = {field: tidied(cells[at]) for field, at in self.positions.items()}
        values["system"] = values.get("system") or self.system
        values["oid"] = values.get("oid") or self.oid
        require_plain((self.labels_by_field.get(field, field), value) for field, value in values.items())
        return [values.get(field, "") for field in FIELDS]


def code_table(lines: Sequence[str], name: str, source: Source, stamp: str | None) -> CodeTable | None:
    """How to read a table that begins with these lines, or None when they are no table of codes.

    Raises FileRefused: it does not say which table it is.
    """
    if tuple(map(_plain, lines[0].split(";")[: len(_TABS_FIRST)])) == _TABS_FIRST:
        return _tabs(lines, source)
    labels = lines[0].split("\t")
    if not {"code", "label"} <= set(map(_plain, labels)):
        return None
    found = _positions(labels)
    system = SYSTEM.search(name.rpartition(": ")[2].rpartition("/")[2])
    if "system" not in found and not system:
        raise FileRefused(
            "system.unknown",
            f"{name} is a table of codes that does not say which: name the file as the national table, for example "
            "TRE_R38-SpecialiteOrdinale.tsv, or add a column table.",
        )
    return CodeTable(
        source, "\t", _printed(labels), found, tuple(labels), head=1, system=system[0] if system else "", stamp=stamp
    )


def _tabs(lines: Sequence[str], source: Source) -> CodeTable:
    about = [*map(str.strip, lines[1].split(";") if len(lines) > 1 else []), "", "", ""]
    labels = lines[2].split(";") if len(lines) > 2 else []  # noqa: PLR2004 - the third line
    found = _positions(labels)
    system = SYSTEM.match(about[2])
    if not system or not {"code", "label"} <= set(found):
        raise FileRefused(
            "system.unknown",
            "line 2 of a .tabs table names its table and line 3 its columns, among them Code and Libellé: not found. "
            "Take the table again from its publisher.",
        )
    found.pop("oid", None)
    stamp = re.sub(r"[^0-9]", "", about[7])[:12] if len(about) > 7 else ""  # noqa: PLR2004 - Date MàJ
    return CodeTable(
        source, ";", _printed(labels), found, tuple(labels), head=3, system=system[0], oid=about[0], stamp=stamp or None
    )


def _positions(labels: Sequence[str]) -> dict[str, int]:
    """The first column of each field: the adapted label comes before the short and the long one."""
    found: dict[str, int] = {}
    for at, label in enumerate(labels):
        if field := _LABELS.get(_plain(label)):
            found.setdefault(field, at)
    return found


def _printed(labels: Sequence[str]) -> dict[str, str]:
    return {field: labels[at].strip() for field, at in _positions(labels).items()}


def _plain(label: str) -> str:
    return normalised(label.strip().strip("<>"))


def _without_lines(read: Read, first: int, count: int) -> Read:
    """The same text with the lines `first` to `first + count - 1` empty, so that numbers stay: they count as blank."""
    line = 1
    last = first + count

    def emptied(size: int) -> bytes:
        nonlocal line
        data = read(size)
        if line >= last:
            return data
        kept = bytearray()
        for part in re.split(rb"(\n)", data):
            if part == b"\n":
                line += 1
                kept.extend(part)
            elif not first <= line < last:
                kept.extend(part)
        return bytes(kept) or (emptied(size) if data else b"")

    return emptied

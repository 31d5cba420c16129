"""What was handed in: the texts of each file, which source reads them, or the reason why none does."""

import time
from dataclasses import dataclass
from pathlib import Path

from app.imports.reading import Layout
from app.imports.receive import Text, receive, sha256
from app.imports.recognise import recognise
from app.imports.refusal import FileRefused
from app.imports.report import UNKNOWN_SOURCE


@dataclass(frozen=True)
class Input:
    """One text that a source reads, or the reason (`refused`) why none does."""

    path: Path
    name: str
    sha256: str
    text: Text | None = None
    layout: Layout | None = None
    refused: FileRefused | None = None
    left_out: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def order(self) -> tuple[int, str, str, str]:
        """Rank of the source; several files of one source by their stamps, then by what they are."""
        rank, stamp = (self.layout.source.rank, self.layout.stamp or "") if self.layout else (0, "")
        return rank, stamp, self.sha256, self.name


def source_of(each: Input) -> str:
    """The name of the source that reads it."""
    return each.layout.source.name if each.layout else UNKNOWN_SOURCE


def inputs_of(path: Path) -> list[Input]:
    """What is in a file, by content. Members of an archive that no source reads are left out when others are read."""
    started = time.monotonic()
    try:
        texts = receive(path)
    except FileRefused as refused:
        return [Input(path, path.name, sha256(path), refused=refused)]
    found: list[tuple[Text, Layout]] = []
    unread: list[tuple[Text, FileRefused]] = []
    for text in texts:
        try:
            found.append((text, recognise(text)))
        except FileRefused as refused:
            unread.append((text, refused))
    if not found:
        return [Input(path, text.name, text.sha256, refused=refused) for text, refused in unread]
    left_out = tuple(f"{text.name} ({refused.code})" for text, refused in unread)
    seconds = (time.monotonic() - started) / len(found)
    return [
        Input(path, text.name, text.sha256, text, layout, left_out=left_out, seconds=seconds) for text, layout in found
    ]

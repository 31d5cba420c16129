"""The header of a table of the national files: columns are found by label, never by position (files.md §2)."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from app.imports.refusal import FileRefused
from app.imports.sources.description import Source

SEPARATOR = "|"
# More columns than any layout has ever had; PostgreSQL itself ends at 1 600.
MAX_COLUMNS = 500
# A file without half of a source's needed columns is another file, not a broken one of that source.
KNOWN_SHARE = 0.5
SHOWN = 5


@dataclass(frozen=True)
class Header:
    """The labels of a file as it prints them, and the field of ours in each column (`#n` where we know none)."""

    source: Source
    labels: tuple[str, ...]
    fields: tuple[str, ...]


def normalised(label: str) -> str:
    """Lower case, accents folded, both apostrophes as one, single spaces."""
    folded = unicodedata.normalize("NFKD", label.replace("\u2019", "'"))
    return " ".join("".join(char for char in folded if not unicodedata.combining(char)).lower().split())


def read_header(line: str, sources: Iterable[Source]) -> Header:
    """The header in `line`, for the source it fits best. Raises FileRefused: no source, or a column is wanting."""
    labels = line.split(SEPARATOR)
    if labels[-1].strip() == "":
        labels.pop()
    if len(labels) > MAX_COLUMNS:
        raise FileRefused("header.too_wide", f"line 1: {len(labels)} columns; no national file has over {MAX_COLUMNS}.")
    names = [normalised(label) for label in labels]
    source = _best(names, sources)
    if source is None:
        raise FileRefused("file.unknown", _unknown(labels))
    known = {label: column.field for column in source.columns for label in column.labels}
    fields = tuple(known.get(name, f"#{position}") for position, name in enumerate(names, start=1))
    _require_single(labels, names, fields)
    _require_needed(source, fields)
    return Header(source, tuple(labels), fields)


def _best(names: list[str], sources: Iterable[Source]) -> Source | None:
    """The source with the fewest columns unknown to it or wanting: one file's columns may be part of another's."""
    present = set(names)
    rated: list[tuple[int, int, Source]] = []
    for source in sources:
        needed = [column for column in source.columns if column.required]
        wanting = [column for column in needed if not present & set(column.labels)]
        if len(wanting) > len(needed) * (1 - KNOWN_SHARE):
            continue
        known = {label for column in source.columns for label in column.labels}
        rated.append((len(present - known) + len(wanting), source.rank, source))
    return min(rated, key=lambda rating: rating[:2])[2] if rated else None


def _require_single(labels: list[str], names: list[str], fields: tuple[str, ...]) -> None:
    seen: dict[str, int] = {}
    for position, (name, field) in enumerate(zip(names, fields, strict=True)):
        for mark in {name, field} - {""}:
            first = seen.setdefault(mark, position)
            if first != position:
                raise FileRefused(
                    "header.duplicate",
                    f"line 1: the column {labels[position]!r} stands twice (columns {first + 1} and {position + 1}): "
                    "leave the one that is meant.",
                )


def _require_needed(source: Source, fields: tuple[str, ...]) -> None:
    wanting = [column.labels[0] for column in source.columns if column.required and column.field not in fields]
    if wanting:
        named = ", ".join(repr(label) for label in wanting)
        raise FileRefused(
            "header.column_missing",
            f"line 1: this is a file of {source.name} without the needed column {named}: take a complete file.",
        )


def _unknown(labels: list[str]) -> str:
    shown = ", ".join(repr(label[:60]) for label in labels[:SHOWN])
    hint = "" if len(labels) > 1 else f", columns being separated by {SEPARATOR!r}"
    return (
        f"line 1 has {len(labels)} column(s), {shown}{', …' if len(labels) > SHOWN else ''}: not a file that is read "
        "here. Expected the header of PS_LibreAcces_Personne_activite, PS_LibreAcces_SavoirFaire, "
        f"PS_LibreAcces_Dipl_AutExerc or Extraction_Correspondance_MSSante{hint}; of an admin's file; or of a national "
        "code table; line 1 of FINESS etalab cs1100502; FINESS+ structures in JSON; or the white list in XML."
    )

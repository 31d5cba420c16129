"""What a text is, told by its content alone: the labels of a header, line 1 of FINESS, or the root of XML or JSON."""

import codecs
import csv
import re
from collections.abc import Sequence

from app.imports.code_tables import TABS, code_table
from app.imports.delta import DeltaLayout, delimiter_of, delta_header, sheet_header
from app.imports.finess_plus import FinessPlusLayout
from app.imports.header import read_header
from app.imports.layouts import FINESS_RECORD, FinessLayout, TableLayout
from app.imports.lines import MAX_LINE
from app.imports.parse import BOM, CONTROLS, CP1252, UTF_8
from app.imports.reading import Layout
from app.imports.receive import GZIP, XLSX, ZIP, Text
from app.imports.refusal import FileRefused
from app.imports.sources import delta, terminology
from app.imports.sources.catalogue import TABLES
from app.imports.sources.white_list import NAMESPACE, WhiteListLayout

# Workbooks of before 2007, and encrypted ones.
COMPOUND = b"\xd0\xcf\x11\xe0"
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
FINESS_FIRST = re.compile(r"finess;etalab;[^;]*;([^;]*);?", re.IGNORECASE)
GENERATED = re.compile(rb"<(?:[\w.-]+:)?DateDeGeneration[^>]*>\s*([^<\s]{10,40})")
FINESS_PLUS = re.compile(rb'"(?:pmej|informationsGeneralesPMEJ|pmejDuGc[co])"', re.IGNORECASE)
GENERATED_AT = re.compile(rb'"generatedAt"\s*:\s*"([^"]{10,40})"')
CONTROL = re.compile(f"[{re.escape(CONTROLS.decode())}]")
SHOWN = 60


def recognise(text: Text) -> Layout:
    """How to read this text. Raises FileRefused: says what was found and what is expected."""
    if text.form == XLSX:
        return _workbook(text)
    head = text.head()
    _require_text(text, head)
    body = head.removeprefix(BOM)
    start = body.lstrip()[:1]
    if start == b"<" and not body.lstrip().startswith(TABS):
        return _white_list(text, body)
    if start == b"{":
        return _finess_plus(text, body)
    # Lines end as the parser ends them: a lone carriage return ends none.
    lines = [line.removesuffix(b"\r") for line in body[: MAX_LINE + 2].split(b"\n", 3)[:3]]
    return _lines(text, [_decoded(line) for line in lines])


def _require_text(text: Text, head: bytes) -> None:
    if not head:
        raise FileRefused("file.empty", f"{text.name} is empty: take it again from its publisher.")
    if head.startswith((ZIP, GZIP)):
        raise FileRefused("archive.nested", f"{text.name} is an archive inside an archive: unpack the outer one.")
    if head.startswith(COMPOUND):
        raise FileRefused(
            "file.unknown", f"{text.name} is an old (.xls) or an encrypted workbook: save it as .xlsx, or as CSV."
        )
    if head.startswith(UTF_16):
        raise FileRefused("encoding.utf_16", f"{text.name} is UTF-16: save it as UTF-8.")


def _lines(text: Text, lines: Sequence[str]) -> Layout:
    if not lines[0] or len(lines[0]) > MAX_LINE:
        raise FileRefused("header.too_long", f"{text.name}: line 1 is empty or longer than {MAX_LINE} bytes.")
    if control := CONTROL.search(lines[0]):
        raise FileRefused(
            "header.control_character",
            f"{text.name}: character {control.start() + 1} of line 1 is the control character 0x{ord(control[0]):02X}: "
            "no text, or a damaged one. Take it again from its publisher.",
        )
    if first := FINESS_FIRST.fullmatch(lines[0].strip()):
        return _finess(text, first[1], lines[1:])
    if table := code_table(lines, text.name, terminology.SOURCE, text.stamp):
        return table
    if delimiter := delimiter_of(lines[0]):
        labels = next(csv.reader([lines[0]], delimiter=delimiter))
        return DeltaLayout(delta_header(labels, delta.SOURCE), delimiter, text.stamp)
    return TableLayout(read_header(lines[0], TABLES), text.stamp)


def _workbook(text: Text) -> Layout:
    with text.open() as opened:
        header = sheet_header(opened.read, delta.SOURCE)
    if header is None:
        raise FileRefused(
            "file.unknown",
            f"{text.name} is a workbook whose first sheet does not begin with the header of an admin's file: "
            "annuaire import template --xlsx writes one that does.",
        )
    return DeltaLayout(header, None, text.stamp)


def _white_list(text: Text, body: bytes) -> Layout:
    if NAMESPACE.encode() not in body or b"ListeBlancheMSSante" not in body:
        raise FileRefused(
            "file.unknown",
            f"{text.name} is XML or HTML that begins with {_decoded(body[:SHOWN])!r}: not a file that is read here. "
            f"Expected the white list: root ListeBlancheMSSante in the namespace {NAMESPACE}.",
        )
    generated = GENERATED.search(body)
    return WhiteListLayout(_digits(_decoded(generated[1])) if generated else text.stamp)


def _finess_plus(text: Text, body: bytes) -> Layout:
    if not FINESS_PLUS.search(body):
        raise FileRefused(
            "file.unknown",
            f"{text.name} is JSON that begins with {_decoded(body[:SHOWN])!r}: not a file that is read here. "
            "Expected FINESS+ structures, with the list pmej.",
        )
    generated = GENERATED_AT.search(body)
    return FinessPlusLayout(_digits(_decoded(generated[1])) if generated else text.stamp)


def _finess(text: Text, date: str, rows: Sequence[str]) -> Layout:
    record = next((row.split(";")[0] for row in rows if row.strip()), FINESS_RECORD)
    if record != FINESS_RECORD:
        raise FileRefused(
            "file.unknown",
            f"{text.name}: line 2 is a FINESS row of type {record[:SHOWN]!r}. Expected {FINESS_RECORD!r}, the stock of "
            "sites (etalab cs1100502).",
        )
    return FinessLayout(_digits(date) or text.stamp)


def _decoded(line: bytes) -> str:
    try:
        return line.decode(UTF_8)
    except UnicodeDecodeError:
        return line.decode(CP1252, errors="replace")


def _digits(date: str) -> str | None:
    """Digits of an ISO date, to the minute, so that stamps of one source compare as text."""
    return re.sub(r"[^0-9]", "", date)[: len("YYYYMMDDhhmm")] or None

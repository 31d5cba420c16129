"""The empty form of an admin's file, as CSV and as a workbook: the same bytes each time, here and over REST.

All columns of the workbook are of the kind text, so that a spreadsheet leaves leading zeros and long numbers alone.
"""

import io
import zipfile
from pathlib import Path
from typing import Annotated
from xml.sax.saxutils import escape

import typer

from app.console import Refused, emit
from app.imports.delta_form import LABELS

FILE_NAME = "annuaire-delta"
# The earliest that a zip can tell: the bytes do not depend on the day.
NO_TIME = (1980, 1, 1, 0, 0, 0)
BOM = "\ufeff"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
# The number format 49 is text; style 1 uses it.
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="delta" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts><fills count="1"><fill/></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf/><xf numFmtId="49" applyNumberFormat="1"/></cellXfs></styleSheet>',
}


def csv_template() -> bytes:
    """One header line, `;` and a byte order mark: what a French spreadsheet opens as columns and as UTF-8."""
    return (BOM + ";".join(LABELS) + "\r\n").encode()


def xlsx_template(rows: tuple[tuple[str, ...], ...] = ()) -> bytes:
    """The header, and these rows below it, as a workbook whose columns are all text."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in {**_PARTS, "xl/worksheets/sheet1.xml": _sheet((LABELS, *rows))}.items():
            # Not compressed, since libraries of compression differ by a few bytes.
            archive.writestr(zipfile.ZipInfo(name, NO_TIME), _XML + content)
    return out.getvalue()


def write_template(
    out: Annotated[
        Path | None, typer.Option(help=f"Where to write it [{FILE_NAME}.csv or .xlsx]; - is stdout.")
    ] = None,
    *,
    xlsx: Annotated[bool, typer.Option("--xlsx", help="A workbook instead of CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON value on stdout.")] = False,
) -> None:
    """Write the empty form of an admin's file, which creates, changes and closes mailboxes and structures."""
    content = xlsx_template() if xlsx else csv_template()
    path = out or Path(f"{FILE_NAME}.{'xlsx' if xlsx else 'csv'}")
    if str(path) == "-":
        typer.get_binary_stream("stdout").write(content)
        return
    try:
        path.write_bytes(content)
    except OSError as failure:
        raise Refused(
            f"cannot write {path}: {failure.strerror}; give another place with --out.", "template.out"
        ) from failure
    emit(
        {"path": str(path), "bytes": len(content)},
        as_json=as_json,
        text=f"{path} is written; every line needs operation and kind",
    )


def _sheet(rows: tuple[tuple[str, ...], ...]) -> str:
    width = len(LABELS)
    columns = f'<cols><col min="1" max="{width}" width="18" style="1" customWidth="1"/></cols>'
    return f'<worksheet xmlns="{_MAIN}">{columns}<sheetData>{"".join(map(_row, rows))}</sheetData></worksheet>'


def _row(cells: tuple[str, ...]) -> str:
    inside = (f'<c s="1" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>' for cell in cells)
    return f"<row>{''.join(inside)}</row>"

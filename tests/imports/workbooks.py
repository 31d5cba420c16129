"""Workbooks as people hand them in: our template with rows below, and parts of it replaced by whatever a test wants."""

import io
import zipfile

from app.imports.delta_form import LABELS
from app.imports.template import xlsx_template

SHEET = "xl/worksheets/sheet1.xml"


def a_workbook(*rows: dict[str, str], header: tuple[str, ...] = LABELS) -> bytes:
    """The template with these rows, by label. Another `header` replaces that of the template."""
    filled = [tuple(row.get(label, "") for label in header) for row in rows]
    return xlsx_template(tuple(filled)) if header == LABELS else with_rows([header, *filled])


def with_rows(rows: list[tuple[str, ...]]) -> bytes:
    """A workbook of texts."""
    text = "".join(
        "<row>" + "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in row) + "</row>" for row in rows
    )
    return with_sheet(text)


def with_sheet(rows: str, **parts: bytes) -> bytes:
    """A workbook whose sheet holds these `<row>` elements."""
    sheet = (
        '<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<sheetData>{rows}</sheetData></worksheet>"
    )
    return repacked({SHEET: sheet.encode(), **{name.replace("__", "/"): content for name, content in parts.items()}})


def repacked(parts: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The template with these parts replaced or added."""
    with zipfile.ZipFile(io.BytesIO(xlsx_template())) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, part in {**content, **parts}.items():
            archive.writestr(name, part)
    return out.getvalue()


def header_row(number: int = 1) -> str:
    """The `<row>` of the template's labels."""
    cells = "".join(f'<c t="inlineStr"><is><t>{label}</t></is></c>' for label in LABELS)
    return f'<row r="{number}">{cells}</row>'

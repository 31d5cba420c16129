"""Exports as a consumer reads them: the rows, and the last line that says whether they are all."""

import csv
import io
import json
from typing import Any

from app.search.export_cells import plain

BYTE_ORDER_MARK = "\ufeff"


def ndjson(text: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The documents, and the last line."""
    assert text.endswith("\n")
    *documents, end = [json.loads(line) for line in text.removesuffix("\n").split("\n")]
    assert isinstance(end["end"], bool)
    return documents, end


def rows(text: str) -> tuple[list[dict[str, str]], list[str]]:
    """The rows of CSV by column, as the documents have them, and the cells of the last line that are not empty."""
    assert text.startswith(BYTE_ORDER_MARK)
    header, *lines, end = csv.reader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK), newline=""), delimiter=";")
    assert {len(line) for line in lines} <= {len(header)} == {len(end)}
    found = [dict(zip(header, map(plain, line), strict=True)) for line in lines]
    return found, [cell for cell in end if cell]

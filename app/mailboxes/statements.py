"""SQL files of several statements, each under its name."""

from collections.abc import Mapping
from pathlib import Path


def named_statements(name: str) -> Mapping[str, str]:
    """The statements of a file of this folder: `-- name: NAME`, then the text up to the next one."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    parts = (part.partition("\n") for part in text.split("-- name: ")[1:])
    return {name: body.strip() for name, _, body in parts}

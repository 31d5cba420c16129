"""The SQL of a source stands in files beside its module, each opening with a line of purpose."""

from pathlib import Path

DIRECTORY = Path(__file__).parent


def sql(*names: str) -> str:
    """The text of these SQL files, one after the other."""
    return "\n".join((DIRECTORY / f"{name}.sql").read_text(encoding="utf-8") for name in names)

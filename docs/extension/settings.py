"""The page of the settings: `.env.example`, which a test keeps in step with `app/settings.py`."""

import re
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / ".env.example"
SETTING = re.compile(r"# (ANNUAIRE_\w+)=(.*)")


def page() -> str:
    """A heading for each setting, its default, and what changing it does."""
    head, *blocks = EXAMPLE.read_text("utf-8").strip().split("\n\n")
    return "\n\n".join(["# Settings", _prose(head.splitlines()), *map(_block, blocks)]) + "\n"


def _block(block: str) -> str:
    lines = block.splitlines()
    said = _prose([line for line in lines if not SETTING.fullmatch(line)])
    found = [setting.groups() for line in lines if (setting := SETTING.fullmatch(line))]
    return "\n\n".join(
        [*(f"## `{name}`\n\nDefault: {f'`{default}`' if default else 'none'}" for name, default in found), said]
    )


def _prose(lines: list[str]) -> str:
    """The comments as paragraphs; an empty comment parts two of them. Stars are names with a wildcard, not stress."""
    return "\n".join(line.removeprefix("#").strip() for line in lines).replace("*", r"\*")

"""The documents of the project, as tests read them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Folders that hold no document of ours.
FOREIGN = {"var", "dist", "node_modules"}
MADE = ROOT / "docs" / "reference"
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)


def documents() -> list[Path]:
    """Every Markdown file of the checkout, without those that a build of the site made."""
    tops = [path for path in ROOT.iterdir() if not path.name.startswith(".") and path.name not in FOREIGN]
    below = [path for top in tops if top.is_dir() for path in top.rglob("*.md")]
    below = [path for path in below if MADE not in path.parents]
    return sorted([*below, *(top for top in tops if top.suffix == ".md")])


def prose(text: str) -> str:
    """The text without its fenced blocks: nothing in them is a link or a heading."""
    return FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """The names under which headings are linked: lower case, no punctuation, hyphens for spaces."""
    headings = re.findall(r"^#+ (.+?)\s*#*$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def words(text: str) -> set[str]:
    """Everything that stands between backticks, and each of its words."""
    quoted = re.findall(r"`([^`\n]+)`", prose(text))
    return {*quoted, *(word for code in quoted for word in re.findall(r"[\w.]+", code))}

"""Links that leave `docs/`: right in the checkout; on the site they lead to a page, or name the file."""

import re
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PROBLEMS = ROOT / "openapi" / "problems"
# Files of the checkout that are pages of the site.
PAGES = {
    ROOT / ".env.example": "settings",
    ROOT / "CHANGELOG.md": "changelog",
    ROOT / "app" / "cli.py": "commands",
    ROOT / "openapi" / "annuaire.yaml": "routes",
    PROBLEMS: "problems",
}
FENCED = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[(?P<text>[^\]\n]*)\]\((?P<target>[^)\s:#]+)(?P<anchor>#[^)\s]*)?\)")


def on_read(_app: Sphinx, name: str, source: list[str]) -> None:
    """Sphinx calls it with each document; its one text may be changed."""
    source[0] = rewritten(source[0], (DOCS / name).parent)


def rewritten(text: str, folder: Path) -> str:
    """A document of `folder` as the site has it. What stands in fenced blocks is no link."""
    blocks, parts = FENCED.finditer(text), FENCED.sub("\0", text).split("\0")
    done = [LINK.sub(lambda link: _led(folder, link), part) for part in parts]
    return done[0] + "".join(block.group() + part for block, part in zip(blocks, done[1:], strict=True))


def _led(folder: Path, link: re.Match[str]) -> str:
    """One link. A target that is nowhere stays as it is, and Sphinx complains of it."""
    text, target = link["text"], (folder / link["target"]).resolve()
    if page := PAGES.get(target):
        return f"[{text}](/reference/{page}.md)"
    if target.parent == PROBLEMS:
        return f"[{text}](/reference/problems.md#{target.stem})"
    if target.is_relative_to(DOCS) and target.is_file():
        return f"[{text}](/{target.relative_to(DOCS)}{link['anchor'] or ''})"
    if not target.exists():
        return link.group()
    path = f"`{target.relative_to(ROOT)}`"
    return path if text.strip("`") == path.strip("`") else f"{text} ({path})"

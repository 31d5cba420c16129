"""Links between documents lead somewhere, and maps show what is there."""

import re
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, anchors, documents, prose

LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
ELSEWHERE = re.compile(r"[a-z]+:")


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_resolve(document: Path) -> None:
    broken = [link for link in LINK.findall(prose(document.read_text("utf-8"))) if not _leads_somewhere(document, link)]
    assert broken == []


def test_a_link_to_a_missing_file_or_heading_is_found(tmp_path: Path) -> None:
    document = tmp_path / "here.md"
    document.write_text("# One heading\n", "utf-8")
    assert _leads_somewhere(document, "here.md#one-heading")
    assert not _leads_somewhere(document, "here.md#another")
    assert not _leads_somewhere(document, "gone.md")


def test_the_readme_maps_every_part_of_app() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    mapped = re.findall(r"(?:^|\s)([a-z_]+(?:/|\.py))\s{2,}", readme.split("## Map of `app/`")[1])
    folders = [f"{path.name}/" for path in (ROOT / "app").iterdir() if path.is_dir() and path.name != "__pycache__"]
    modules = [path.name for path in (ROOT / "app").glob("*.py") if path.name != "__init__.py"]
    assert sorted(mapped) == sorted(folders + modules)


def test_the_list_of_decisions_has_no_gap() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda path: path.name[:4])
def test_a_decision_has_its_parts_and_a_line_to_quote(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith(f"# {path.name[:4]} ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences", "Alternatives"]
    assert re.search(r"^## Decision\n\n> ", text, re.MULTILINE)


def _leads_somewhere(document: Path, link: str) -> bool:
    if ELSEWHERE.match(link):
        return True
    name, _, anchor = link.partition("#")
    target = document.parent / name if name else document
    if not target.exists():
        return False
    return not anchor or anchor in anchors(target.read_text("utf-8"))

"""The documents as a site: it is built without a warning, holds what the code knows, and asks nobody for anything."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import PREFIX, Settings
from tests.docs.markdown import ROOT


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built by the command of `make site`, warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", str(folder / "kept")]
    done = subprocess.run([*build, "docs", str(folder / "site")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "site"


def page(site: Path, name: str) -> str:
    """Its source without the marks of single words in code."""
    return re.sub(r"</?span[^>]*>", "", (site / f"{name}.html").read_text("utf-8"))


def test_every_setting_command_code_and_route_has_its_place(built: Path) -> None:
    settings = page(built, "reference/settings")
    assert [name for name in Settings.model_fields if (PREFIX + name.upper()) not in settings] == []
    problems = page(built, "reference/problems")
    assert [path.stem for path in (ROOT / "openapi/problems").glob("*.md") if f'id="{path.stem}"' not in problems] == []
    assert "annuaire import run" in page(built, "reference/commands")
    assert "GET /v1/mailboxes/{address}" in page(built, "reference/routes")


def test_a_link_to_a_file_of_the_checkout_leads_to_its_page_or_names_it(built: Path) -> None:
    tutorial = page(built, "tutorials/developer")
    assert 'href="../reference/problems.html"' in tutorial
    # The navigation leads there too: the link itself must not have become the name of a folder.
    assert "openapi/problems" not in tutorial
    assert "app/mailboxes/use.toml" in page(built, "resolving")
    assert "use.toml" not in "".join(re.findall(r'href="([^"]*)"', page(built, "resolving")))


def test_nothing_is_fetched_from_elsewhere(built: Path) -> None:
    for path in built.rglob("*.html"):
        fetched = re.findall(
            r'<(?:script|img|iframe)[^>]*src="([^"]*)"|<link[^>]*rel="stylesheet"[^>]*href="([^"]*)"',
            path.read_text("utf-8"),
        )
        assert [url for pair in fetched for url in pair if re.match(r"(?:[a-z]+:)?//", url)] == [], path
    for path in built.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(?:https?:)?//", path.read_text("utf-8")), path

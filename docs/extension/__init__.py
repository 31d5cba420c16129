"""What Sphinx does for the documents of annuaire beyond its own: pages made from the code, links that leave `docs/`."""

from collections.abc import Callable
from pathlib import Path

from sphinx.application import Sphinx

from extension import changelog, commands, links, problems, routes, settings

# Made anew by each build below `docs/reference/`, and never committed: what the code knows cannot be out of date.
PAGES: dict[str, Callable[[], str]] = {
    "changelog": changelog.page,
    "commands": commands.page,
    "problems": problems.page,
    "routes": routes.page,
    "settings": settings.page,
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls it once."""
    app.connect("builder-inited", _write)
    app.connect("source-read", links.on_read)
    return {"parallel_read_safe": True}


def _write(app: Sphinx) -> None:
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        text, path = page(), folder / f"{name}.md"
        # A page that stays as it is is not built again.
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")

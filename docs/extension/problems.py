"""The page of all problem codes, of the pages that the API serves at `/problems/…`."""

import re

from extension.links import PROBLEMS


def page() -> str:
    """A heading for each code, in the order of the codes; its page below, with headings one deeper."""
    pages = sorted(PROBLEMS.glob("*.md"))
    head = "# Problem codes\n\nEvery error is `application/problem+json` (RFC 9457); its `code` is one of these."
    return "\n\n".join([head, *(_section(path.stem, path.read_text("utf-8")) for path in pages)]) + "\n"


def _section(slug: str, text: str) -> str:
    title, _, rest = text.strip().partition("\n")
    # The heading of the code gives the anchor; those below would be the same for every code.
    said = re.sub(r"^## (.+)$", r"**\1**", rest.strip(), flags=re.MULTILINE)
    return f"## {slug}\n\n*{title.removeprefix('# ')}*\n\n{said}"

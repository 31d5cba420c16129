"""The documents as a site, by Sphinx: `make site`. Every file here stays readable as it is, too.

What the code knows better than any text (settings, commands, problem codes, routes) is written by `extension/` beside
this file each time the site is built, and is never committed.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "annuaire"
copyright = "annuaire"  # noqa: A001 - Sphinx's name
language = "en"
extensions = ["myst_parser", "extension"]
html_theme = "furo"
html_title = "annuaire"
# Nothing is fetched from elsewhere, and nothing of the source tells more than the pages.
html_copy_source = False
html_show_sphinx = False
# Headings are linked by the names that code forges give them: the same link works in both.
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_block"]
suppress_warnings: list[str] = []
nitpicky = True
